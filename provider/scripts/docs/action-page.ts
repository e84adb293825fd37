/** The page of an action, in the layout of Terraform's registry. Pure. */
import type { ActionShape } from '../../src/schema/action-shape.js';
import { methodComment } from '../../src/schema/encode-schema.js';
import { schemaSection } from './attribute-lists.js';
import { methodPermissions } from './ephemeral-page.js';
import { codeBlock, page } from './page.js';
import { domainOf } from './resource-page.js';

/** The page. `usage` is the example's HCL. */
export function actionPage({ typeName, method, request }: ActionShape, usage: string): string {
  const begins = method.output.fields.some(({ name }) => name === 'operation');
  const end = begins
    ? 'Begins an operation, tells how far it is, and ends with it; the operation goes on where Terraform is interrupted.'
    : 'Done when the call is answered.';
  return page({
    title: typeName,
    kind: 'Action',
    subcategory: domainOf(method.parent.file),
    description: methodComment(method),
    sections: [
      `${end} Actions need Terraform 1.14 or newer.`,
      `## Example Usage\n\n${codeBlock('terraform', usage)}`,
      methodPermissions([method]),
      schemaSection(request),
    ],
  });
}
