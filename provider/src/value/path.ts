/**
 * Paths: where an attribute is inside a Terraform value, and where a field is inside a message, as
 * text such as `spec.disks["root"].volume.size_gib`.
 */

/** One step into a Terraform value: an attribute's or a map key's name, or a list's index. */
export type PathStep =
  | { readonly attribute: string }
  | { readonly key: string }
  | { readonly index: number };

/** From the outside in. */
export type AttributePath = readonly PathStep[];

/** One step of a field path's text: a field's name, a map key, or a list's index. */
export type FieldStep = { readonly field: string } | { readonly key: string | number };

/**
 * Reads a field path's text. A text that is none gives the steps up to where it stops being one.
 */
export function parseFieldPath(text: string): FieldStep[] {
  const steps: FieldStep[] = [];
  const pattern = /\.?([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, field, index, key] = match;
    if (field !== undefined) steps.push({ field });
    else if (index !== undefined) steps.push({ key: Number(index) });
    else if (key !== undefined) steps.push({ key: unquote(key) });
  }
  return steps;
}

/** The path for people: `disks["root"].volume.size_gib`. */
export function pathText(path: AttributePath): string {
  return path
    .map((step, i) => {
      if ('attribute' in step) return (i === 0 ? '' : '.') + step.attribute;
      return 'key' in step ? `[${JSON.stringify(step.key)}]` : `[${step.index}]`;
    })
    .join('');
}

/** Whether `path` is `prefix` or lies inside it. */
export function isInside(path: AttributePath, prefix: AttributePath): boolean {
  return (
    path.length >= prefix.length &&
    prefix.every((step, i) => JSON.stringify(step) === JSON.stringify(path[i]))
  );
}

function unquote(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : text;
  } catch {
    return text.slice(1, -1);
  }
}
