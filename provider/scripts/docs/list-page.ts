/** The page of a list resource, in the layout of Terraform's registry. Pure. */
import { comments as contractComments } from '@limiquantix/proto/comments.js';
import { listShape } from '../../src/schema/list-shape.js';
import type { ResourceShape } from '../../src/schema/resource-shape.js';
import { schemaSection } from './attribute-lists.js';
import { codeBlock, page } from './page.js';
import { subcategoryOf } from './resource-page.js';

/** The page. `usage` is the example's HCL. */
export function listPage(shape: ResourceShape, usage: string): string {
  return page({
    title: shape.typeName,
    kind: 'List Resource',
    subcategory: subcategoryOf(shape),
    description: `Finds what \`${shape.typeName}\` could import. ${contractComments[shape.message.typeName] ?? ''}`,
    sections: [
      'Used by `terraform query`, in files that end with `.tfquery.hcl`; needs Terraform 1.14 or newer. With ' +
        '`-generate-config-out` it writes the configuration of what it found, with imports by identity.',
      `## Example Usage\n\n${codeBlock('terraform', usage)}`,
      `## Permissions\n\nNeeds \`${shape.type}.list\`.`,
      schemaSection(listShape(shape)),
    ],
  });
}
