/** The page of an ephemeral resource, in the layout of Terraform's registry. Pure. */
import type { DescMethod } from '@bufbuild/protobuf';
import { getOption } from '@bufbuild/protobuf';
import { method as methodOption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { methodComment } from '../../src/schema/encode-schema.js';
import type { EphemeralShape } from '../../src/schema/ephemeral-shape.js';
import { schemaSection } from './attribute-lists.js';
import { codeBlock, page } from './page.js';
import { domainOf } from './resource-page.js';

/** The page. `usage` is the example's HCL. */
export function ephemeralPage(shape: EphemeralShape, usage: string): string {
  const { typeName, open, renew, close, object } = shape;
  return page({
    title: typeName,
    kind: 'Ephemeral Resource',
    subcategory: domainOf(open.parent.file),
    description: methodComment(open),
    sections: [
      lifeSection(shape),
      `## Example Usage\n\n${codeBlock('terraform', usage)}`,
      methodPermissions([open, renew, close]),
      schemaSection(object),
    ],
  });
}

/** When it is opened, renewed and closed. */
function lifeSection({ renew, close }: EphemeralShape): string {
  const renewed = renew === undefined ? '' : ' Terraform renews it while a run takes longer.';
  const closed = close === undefined ? '' : ' At the end of the run it is made useless.';
  return (
    'Opened in each plan and each apply whose configuration of it is known; Terraform keeps it in ' +
    `no state and no plan.${renewed}${closed} Needs Terraform 1.10 or newer.`
  );
}

/** What a token must be allowed to do to call methods. */
export function methodPermissions(methods: readonly (DescMethod | undefined)[]): string {
  const needed = methods.flatMap((method) =>
    method === undefined ? [] : [`\`${getOption(method, methodOption).permission}\``],
  );
  return `## Permissions\n\nNeeds ${[...new Set(needed)].join(', ')}.`;
}
