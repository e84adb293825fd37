/** The methods of nodes: what may come to them, and what would become of what they have. */
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  type Node,
  NodeSpecSchema,
  TaintSpecSchema,
} from '@limiquantix/proto/compute/v1/node_pb.js';
import { NodeService } from '@limiquantix/proto/compute/v1/node_service_pb.js';
import { machinesOn, whyItStays } from '../../decide/drain.js';
import { LimiError } from '../../resource/error.js';
import type { AnyResource } from '../../resource/resource.js';
import { mustFind } from '../api-context.js';
import { begins } from './begin.js';
import { type CustomMethod, edits, reads } from './custom-method.js';
import { add, take } from './entries.js';

const node = NodeService.method;
const namesShownMax = 10;

/** The methods of nodes. */
export const nodeMethods: readonly CustomMethod[] = [
  edits(node.enableNode, (resource: Node) => {
    const spec = specOf(resource);
    spec.schedulable = true;
    delete spec.maintenance;
  }),
  edits(node.disableNode, (resource: Node) => {
    specOf(resource).schedulable = false;
  }),
  edits(node.addTaint, (resource: Node, { key, taint = create(TaintSpecSchema) }) => {
    add(specOf(resource).taints, { path: 'key', key }, taint);
  }),
  edits(node.removeTaint, (resource: Node, { key }) => {
    take(specOf(resource).taints, { path: 'key', key });
  }),
  edits(node.updateLabels, (resource: Node, { set, remove }) => {
    Object.assign(resource.labels, set);
    for (const key of remove) delete resource.labels[key];
  }),
  begins(node.drainNode, (resource: Node) => {
    specOf(resource).schedulable = false;
    return { next: resource };
  }),
  begins(node.decommissionNode, (resource: Node, _request, { view }) => {
    const there = machinesOn(resource.id, view);
    if (there.length > 0) throw notEmpty(resource, there);
    return { remove: { type: 'node', ids: [resource.id] } };
  }),
  reads(node.previewDrain, ({ context, request }) => {
    const { id } = mustFind(context, context.types.get('node'), request.id);
    const vms = machinesOn(id, context.view).map((vm) => ({
      vmId: vm.id,
      vmName: vm.name,
      reason: whyItStays,
    }));
    return { vms, complete: vms.length === 0 };
  }),
  reads(node.getNodeMetrics, ({ context, request }) => {
    const { status } = mustFind(context, context.types.get('node'), request.id) as Node;
    return { usage: status?.usage, allocation: status?.allocation };
  }),
];

function specOf(resource: Node): NonNullable<Node['spec']> {
  resource.spec ??= create(NodeSpecSchema);
  return resource.spec;
}

function notEmpty(resource: Node, there: readonly AnyResource[]): LimiError {
  const names = there.map(({ name }) => name).slice(0, namesShownMax);
  const more = there.length > namesShownMax ? ` and ${there.length - namesShownMax} more` : '';
  return new LimiError({
    code: Code.FailedPrecondition,
    reason: 'IN_USE',
    message: `node ${JSON.stringify(resource.name)} has ${names.join(', ')}${more}, and ${whyItStays}; delete them first`,
  });
}
