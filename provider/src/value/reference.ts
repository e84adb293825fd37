/**
 * How users point at a resource in one text: by its id, by its name, or by its project and name.
 */

/** A resource, as far as a text tells. */
export interface Reference {
  /** In lower case; then the others are undefined. */
  readonly id?: string;
  readonly projectId?: string;
  readonly name?: string;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const projectAndName = /^(?:([^/\s]+)\/)?([^/\s]+)$/;

/** Reads such a text; undefined for one that is none. */
export function parseReference(text: string): Reference | undefined {
  if (uuid.test(text)) return { id: text.toLowerCase() };
  const [, projectId, name] = projectAndName.exec(text) ?? [];
  if (name === undefined) return undefined;
  return { ...(projectId === undefined ? {} : { projectId }), name };
}
