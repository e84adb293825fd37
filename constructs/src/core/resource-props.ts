/**
 * What all resources can be given beside their own properties.
 */

/** Properties of every resource. */
export interface ResourceProps {
  /**
   * The resource's name: a DNS label (lower-case letters, digits and hyphens, at most 63).
   *
   * @default - from the construct's path in its stack: `Web/AppServer` becomes `web-app-server`
   */
  readonly name?: string;

  /**
   * Labels, for finding and for selecting.
   *
   * @default - no labels
   */
  readonly labels?: { readonly [key: string]: string };

  /**
   * A description, for people.
   *
   * @default - no description
   */
  readonly description?: string;

  /**
   * Whether deleting the resource is refused.
   *
   * @default - it can be deleted
   */
  readonly deletionProtection?: boolean;
}

/** Properties of every resource that belongs to a project. */
export interface ProjectResourceProps extends ResourceProps {
  /**
   * The project that it belongs to.
   *
   * @default - the project `default`
   */
  readonly projectId?: string;
}
