/**
 * The attributes that every L1 takes: from the props, with the name made from the construct's path.
 * Not exported by the package.
 */
import { TerraformStack, Token } from 'cdktf';
import { type IConstruct, Node } from 'constructs';
import type { ResourceProps } from './resource-props.js';

const NAME_PATTERN = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** The attributes of every L1. */
export interface Header {
  readonly name: string;
  readonly labels?: { [key: string]: string };
  readonly description?: string;
  readonly protected?: boolean;
}

/** Makes an L1's common attributes; throws where the name is no DNS label. */
export function header(scope: IConstruct, props: ResourceProps): Header {
  const name = props.name ?? defaultName(scope);
  if (!Token.isUnresolved(name) && !NAME_PATTERN.test(name)) {
    throw new Error(
      `${Node.of(scope).path}: name must be a DNS label (lower-case letters, digits and hyphens, ` +
        `beginning with a letter, at most 63), got '${name}': give another \`name\``,
    );
  }
  return {
    name,
    labels: props.labels,
    description: props.description,
    protected: props.deletionProtection,
  };
}

/** The path below the stack in kebab-case. */
function defaultName(scope: IConstruct): string {
  const stackScopes = Node.of(TerraformStack.of(scope)).scopes.length;
  return Node.of(scope)
    .scopes.slice(stackScopes)
    .map((each) => Node.of(each).id)
    .join('-')
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .toLowerCase();
}
