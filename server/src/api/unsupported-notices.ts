/** What of a resource would not take effect, as a verdict tells it. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { NoticeSchema } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { Support } from '../resource/unsupported.js';

/** A notice for each field that no backend can carry out, or one where it is the whole resource. */
export function unsupportedNotices(
  { support }: { readonly support: Support },
  type: ResourceType,
  resource: AnyResource,
): MessageInitShape<typeof NoticeSchema>[] {
  const refused = support.refusal(type, resource);
  if (refused === undefined) return [];
  const paths = refused.paths.length === 0 ? [''] : refused.paths;
  return paths.map((path) => ({ path, message: refused.message }));
}
