/** The page of a provider function, in the layout of Terraform's registry. Pure. */
import type { FunctionParameter, ProviderFunction } from '../../src/function/function.js';
import type { TerraformType } from '../../src/value/type.js';
import { codeBlock, page } from './page.js';

/** The page. `usage` is the example's HCL. */
export function functionPage(one: ProviderFunction, usage: string): string {
  const { name, summary, description, parameters, variadic, returns } = one;
  const all = parameters.map(({ name, type }) => `${name} ${typeText(type)}`);
  if (variadic !== undefined) all.push(`${variadic.name} ${typeText(variadic.type)}...`);
  const signature = `${name}(${all.join(', ')}) ${typeText(returns)}`;
  return page({
    title: name,
    kind: 'Function',
    subcategory: '',
    description: `${summary}\n\n${description}`,
    sections: [
      `## Example Usage\n\n${codeBlock('terraform', usage)}`,
      `## Signature\n\n${codeBlock('text', signature)}`,
      `## Arguments\n\n${parameters.map(line).join('\n')}`,
      ...(variadic === undefined ? [] : [`Variadic:\n\n${line(variadic)}`]),
    ],
  });
}

function line({ name, type, description }: FunctionParameter): string {
  return `- \`${name}\` (${typeText(type)}) ${description}`;
}

/** A type as it is written in HCL. */
function typeText(type: TerraformType): string {
  if (typeof type === 'string') return type;
  if (type.kind !== 'object') return `${type.kind}(${typeText(type.element)})`;
  const attributes = Object.entries(type.attributes).map(([name, t]) => `${name} = ${typeText(t)}`);
  return `object({ ${attributes.join(', ')} })`;
}
