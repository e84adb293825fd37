/** Examples that follow from a resource's own example: importing it, and reading it. Pure. */
import type { DataSourceShape } from '../../src/schema/data-source-shape.js';

/** The resource that an example is about. */
export interface Subject {
  readonly typeName: string;
  /** Its name in the configuration, such as `web`. */
  readonly label: string;
  /** Its name in LimiQuantix. */
  readonly name: string;
}

/** The last resource of a type in an example. */
export function subjectOf(typeName: string, usage: string): Subject {
  const found = [
    ...usage.matchAll(new RegExp(`^resource "${typeName}" "(\\w+)" \\{([^]*?)^\\}`, 'gm')),
  ].at(-1);
  const [, label = 'example', body = ''] = found ?? [];
  return { typeName, label, name: /^ {2}name += "([^"]+)"/m.exec(body)?.[1] ?? label };
}

/** How to import it. */
export const importExample = ({ typeName, label, name }: Subject): string =>
  `terraform import ${typeName}.${label} ${name}\n`;

/** How to import it by its identity. */
export const identityExample = ({ typeName, label }: Subject): string =>
  `import {
  to = ${typeName}.${label}
  identity = {
    id = "01936912-f000-7000-8000-000000000001"
  }
}
`;

/** How to find all of its type. */
export const listExample = ({ typeName }: Subject): string =>
  `list "${typeName}" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
`;

/** How to read it, or all of its type. */
export function dataSourceExample(source: DataSourceShape, { label, name }: Subject): string {
  const { typeName, resource } = source;
  if (source.kind === 'one') {
    const output = `output "${resource.type}_id" {\n  value = data.${typeName}.${label}.id\n}\n`;
    return `data "${typeName}" "${label}" {\n  name = "${name}"\n}\n\n${output}`;
  }
  const names = `[for one in data.${typeName}.all.${resource.plural} : one.name]`;
  return `data "${typeName}" "all" {}\n\noutput "${resource.type}_names" {\n  value = ${names}\n}\n`;
}
