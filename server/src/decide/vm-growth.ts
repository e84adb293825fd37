/** Whether a machine that grows finds the room for it on its node, where it stays. Pure. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { ShortfallKind, type ShortfallSchema } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { LimiError } from '../resource/error.js';
import { demandOfVm, difference } from './fleet-shortfall.js';
import type { Candidate, Demand } from './placement.js';

/** A machine that has a node and asks for more of it. */
export interface Growth {
  readonly nodeId: string;
  readonly before: Demand;
  readonly after: Demand;
}

/** What a machine asks for, in the order in which it is told. */
export const quantities = [
  { name: 'memory_mib', key: 'memoryMib', unit: 'MiB of memory', path: 'spec.memory.size_mib' },
  { name: 'vcpus', key: 'vcpus', unit: 'vCPUs', path: 'spec.cpu.cores' },
] as const;

/** What there may not be enough of. */
export type Quantity = (typeof quantities)[number];

/** What a node has left of a quantity. */
export const freeOf = ({ capacity, used }: Candidate, { key }: Quantity): number =>
  Math.max(0, capacity[key] - used[key]);

/** How a change makes a machine grow; undefined where it doesn't, or has no node. */
export function growthOfVm(
  next: VirtualMachine,
  previous: VirtualMachine | undefined,
): Growth | undefined {
  const nodeId = previous?.status?.nodeId ?? '';
  if (previous === undefined || nodeId === '') return undefined;
  const [before, after] = [demandOfVm(previous), demandOfVm(next)];
  const isMore = quantities.some(({ key }) => after[key] > before[key]);
  return isMore ? { nodeId, before, after } : undefined;
}

/** How much more of its node it asks for. */
export function moreOf({ before, after }: Growth): Demand {
  const { vcpus, memoryMib } = difference(after, before);
  return { vcpus: Math.max(0, vcpus), memoryMib: Math.max(0, memoryMib) };
}

/** A shortfall with its place and words. */
export type Shortfall = MessageInitShape<typeof ShortfallSchema> & {
  readonly path: string;
  readonly message: string;
};

/** A lack of a quantity, told in words. */
export function shortfallOf(
  { name, path }: Quantity,
  { requested, available }: { readonly requested: number; readonly available: number },
  message: string,
): Shortfall {
  return {
    kind: ShortfallKind.CAPACITY,
    quantity: name,
    requested: BigInt(requested),
    available: BigInt(available),
    path,
    message,
  };
}

/** What the node lacks for it; `node` doesn't count the machine. */
export function outgrown({ before, after }: Omit<Growth, 'nodeId'>, node: Candidate): Shortfall[] {
  return quantities
    .filter(({ key }) => after[key] > before[key])
    .filter((quantity) => after[quantity.key] > freeOf(node, quantity))
    .map((quantity) => {
      const [requested, available] = [after[quantity.key], freeOf(node, quantity)];
      return shortfallOf(
        quantity,
        { requested, available },
        `its node has no room to grow: ${requested} ${quantity.unit} are needed, and ${node.name} has ` +
          `${available} of ${node.capacity[quantity.key]} for it; ask for less, or free the node`,
      );
    });
}

/** Throws FAILED_PRECONDITION where the node lacks something for it; `node` counts the machine. */
export function refuseOutgrown(growth: Growth, node: Candidate): void {
  const used = difference(node.used, growth.before);
  const violations = outgrown(growth, { ...node, used });
  const [first] = violations;
  if (first === undefined) return;
  throw new LimiError({
    code: Code.FailedPrecondition,
    reason: 'NO_ROOM_TO_GROW',
    message: first.message,
    violations: violations.map(({ path, message }) => ({ path, message })),
  });
}
