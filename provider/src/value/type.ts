/**
 * Terraform's type constraints, and their JSON form as schemas carry it.
 */

/** A type constraint. */
export type TerraformType =
  | 'string'
  | 'number'
  | 'bool'
  | { readonly kind: 'list' | 'set' | 'map'; readonly element: TerraformType }
  | { readonly kind: 'object'; readonly attributes: Readonly<Record<string, TerraformType>> };

/** The type as compact JSON, such as `["list","string"]`. */
export function typeJson(type: TerraformType): string {
  return JSON.stringify(typeTree(type));
}

function typeTree(type: TerraformType): unknown {
  if (typeof type === 'string') return type;
  if (type.kind !== 'object') return [type.kind, typeTree(type.element)];
  const attributes = Object.entries(type.attributes).map(([name, t]) => [name, typeTree(t)]);
  return ['object', Object.fromEntries(attributes)];
}
