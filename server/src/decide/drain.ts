/**
 * What becomes of the machines of a node that is drained. Pure. No driver moves machines yet, so
 * that each of them stays; none is stopped for a move that can't be.
 */
import { create } from '@bufbuild/protobuf';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import {
  type OperationItem,
  OperationItemSchema,
  OperationPhase,
} from '@limiquantix/proto/operations/v1/operation_pb.js';
import type { Lookup } from '../resource/lookup.js';
import type { AnyResource } from '../resource/resource.js';
import { failure, type OperationInput, type OperationRule, success } from './operation.js';

/** Why a machine can't go, for people. */
export const whyItStays = 'no driver moves virtual machines between nodes yet (NOT_SUPPORTED)';

/** Machines that are told of in one operation. */
const itemsMax = 1_000;

/** The machines that a node has, by name. */
export function machinesOn(nodeId: string, lookup: Lookup): readonly VirtualMachine[] {
  return lookup
    .referrers<VirtualMachine>('vm', nodeId)
    .filter(({ status }) => status?.nodeId === nodeId)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A node is empty, or says of each machine why it stays. */
export const drainRule: OperationRule<AnyResource> = {
  cancellable: false,
  judge({ target, lookup }: OperationInput) {
    const there = machinesOn(target.id, lookup);
    if (there.length === 0) return success;
    const stay = there.length === 1 ? '1 machine stays' : `${there.length} machines stay`;
    const message = `${stay}: ${whyItStays}; the node takes no new ones, and the others must be deleted or moved by their owners`;
    return { ...failure('NOT_SUPPORTED', message), items: itemsOf(there) };
  },
};

function itemsOf(machines: readonly VirtualMachine[]): { [id: string]: OperationItem } {
  const items = machines.slice(0, itemsMax).map(({ id, name }) => {
    const phase = OperationPhase.FAILED;
    return [id, create(OperationItemSchema, { type: 'vm', name, phase, message: whyItStays })];
  });
  return Object.fromEntries(items);
}
