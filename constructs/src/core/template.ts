/**
 * Texts of guests, such as shell scripts, in which `${` means itself, although Terraform takes
 * every string for a template. Tokens keep their meaning. Not exported by the package.
 */

/** Escapes a text that becomes an attribute's whole value. */
export function plainText(text: string): string {
  return text.replace(/\$\{(?!TfToken\[)/g, '$$$${').replace(/%\{/g, '%%{');
}

/**
 * Escapes the texts in a value that becomes an argument of a Terraform function. cdktf itself
 * escapes line breaks there, and warns about `${`, which is therefore written by a number.
 */
export function functionArgument(value: unknown): unknown {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return value.map(functionArgument);
  if (typeof value !== 'object' || value === null || isToken(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, functionArgument(each)]),
  );
}

function quoted(text: string): string {
  return text
    .replace(/["\\]/g, '\\$&')
    .replace(/\$\{(?!TfToken\[)/g, '\\u0024{')
    .replace(/%\{/g, '\\u0025{');
}

function isToken(value: object): boolean {
  return 'resolve' in value && typeof value.resolve === 'function';
}
