/**
 * The control plane's half of a virtual machine: it gives the machine a node, follows what the node
 * and the network tell, and says when the machine is ready. What happens on the node is the agent's
 * half.
 */
import type { Node } from '@limiquantix/proto/compute/v1/node_pb.js';
import {
  type VirtualMachine,
  VirtualMachinePhase,
  type VirtualMachineStatus,
  VirtualMachineStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Port } from '@limiquantix/proto/network/v1/port_pb.js';
import { ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import type { Capacity } from '../../decide/capacity.js';
import {
  hasNeighbourRules,
  madeRoom,
  movedNeighbour,
  waitsForRoomMs,
} from '../../decide/made-room.js';
import { placeMachine } from '../../decide/place-machine.js';
import type { Placement } from '../../decide/placement.js';
import { judgeVm } from '../../decide/vm-readiness.js';
import { wholeSpecOf } from '../../decide/whole-spec.js';
import type {
  Difference,
  Driver,
  Lookup,
  Removal,
  SupportsJudging,
  SupportsTriggers,
} from '../../reconcile/driver.js';
import type { ViewChange } from '../../reconcile/loop.js';
import { patched } from '../../resource/patched.js';
import { readyOf } from '../../resource/ready.js';
import type { AnyResource, ResourceKey } from '../../resource/resource.js';
import { AGENT_SILENT, type NodeLinks } from './node-links.js';

/** What the driver works with. */
export interface VmDriverOptions {
  readonly capacity: Capacity;
  readonly links: NodeLinks;
  /** Requests the deletion of a resource; idempotent. */
  readonly requestDeletion: (key: ResourceKey) => Promise<void>;
  /** Lets a resource stay when its owner goes; idempotent. */
  readonly disown: (key: ResourceKey) => Promise<void>;
}

/** What there is to know beside the resources. */
interface Observed {
  /** Undefined where the machine has a node already. */
  readonly placement: Placement | undefined;
  readonly nodeConnected: boolean;
}

/** The driver for `vm` in the control plane. */
export class VmControlDriver
  implements
    Driver<VirtualMachine, Observed, never, VirtualMachineStatus>,
    SupportsTriggers,
    SupportsJudging<VirtualMachine, VirtualMachineStatus>
{
  readonly type = 'vm';
  readonly runsOn = 'control-plane';
  readonly #options: VmDriverOptions;
  /** Machines that no node could take when they were last looked at. */
  readonly #waiting = new Map<string, { readonly hasNeighbourRules: boolean }>();

  constructor(options: VmDriverOptions) {
    this.#options = options;
  }

  /** Proposes a node where the machine has none, and holds the room for it. */
  async observe(vm: VirtualMachine, lookup: Lookup): Promise<Observed> {
    const nodeId = vm.status?.nodeId ?? '';
    if (nodeId !== '') {
      this.#waiting.delete(vm.id);
      return this.#placedOn(nodeId, lookup);
    }
    return { placement: this.#place(vm, lookup), nodeConnected: true };
  }

  diff(
    vm: VirtualMachine,
    observed: Observed,
    lookup: Lookup,
  ): Difference<never, VirtualMachineStatus> {
    const { placement, nodeConnected } = observed;
    const placed = placement?.kind === 'placed' ? placement : undefined;
    const status = patched(VirtualMachineStatusSchema, vm.status, {
      observedGeneration: vm.generation,
      nodeId: placed?.nodeId ?? vm.status?.nodeId ?? '',
      placementReasons: [...(placement?.reasons ?? vm.status?.placementReasons ?? [])],
    });
    const judged = judgeVm(vm, { status, lookup, nodeConnected });
    const difference = { actions: [], status: Object.assign(status, judged) };
    // Room that was held for what is never stored, and much that rules look at, changes unseen.
    if (placement?.kind === 'rejected') return { ...difference, againAfterMs: waitsForRoomMs };
    return difference;
  }

  judge(vm: VirtualMachine, lookup: Lookup): VirtualMachineStatus | undefined {
    const nodeId = vm.status?.nodeId ?? '';
    return nodeId === '' ? undefined : this.diff(vm, this.#placedOn(nodeId, lookup), lookup).status;
  }

  async apply(): Promise<void> {
    throw new Error('this driver has no actions');
  }

  /** The guest goes first, then what the machine owns, then the machine itself. */
  async remove(vm: VirtualMachine, lookup: Lookup): Promise<Removal> {
    const { links, requestDeletion, disown, capacity } = this.#options;
    const status = patched(VirtualMachineStatusSchema, vm.status, {
      observedGeneration: vm.generation,
      phase: VirtualMachinePhase.DELETING,
    });
    const nodeId = vm.status?.nodeId ?? '';
    if (nodeId !== '' && !links.isRemoved(nodeId, { type: 'vm', id: vm.id })) {
      return { gone: false, waitingFor: 'its node to remove the guest', status };
    }
    const owned = this.#ownedBy(vm, lookup);
    for (const { key, resource } of owned) {
      if (resource.deletionRequestedAt !== undefined) continue;
      if (isKept(vm, key, resource)) await disown(key);
      else await requestDeletion(key);
    }
    if (owned.length > 0) {
      return { gone: false, waitingFor: `${owned.length} volumes and ports`, status };
    }
    this.#waiting.delete(vm.id);
    capacity.occupancy.release(vm.id);
    return { gone: true };
  }

  triggers(change: ViewChange, lookup: Lookup): readonly ResourceKey[] {
    switch (change.key.type) {
      case 'vm':
        if (madeRoom(change)) return this.#waitingKeys();
        return movedNeighbour(change) ? this.#waitingKeys((one) => one.hasNeighbourRules) : [];
      case 'vm_fleet':
        return madeRoom(change) ? this.#waitingKeys() : [];
      case 'volume':
      case 'port':
        return usersOf(change, lookup).filter(
          ({ id }) => isForUsers(change) || this.#waiting.has(id),
        );
      case 'node':
        return this.#onNode(change, lookup);
      case 'storage_pool':
        return this.#waitingKeys();
      default:
        return [];
    }
  }

  /**
   * A node counts as lost once that is stored: who is judged between a late heartbeat and the next
   * one would not be asked again, for nothing of the node changes.
   */
  #placedOn(nodeId: string, lookup: Lookup): Observed {
    const node = lookup.get<Node>('node', nodeId);
    const isHeard = node !== undefined && !isSilent(node);
    const nodeConnected = isHeard || this.#options.links.isConnected(nodeId);
    return { placement: undefined, nodeConnected };
  }

  #place(vm: VirtualMachine, lookup: Lookup): Placement {
    const { capacity } = this.#options;
    const { occupancy } = capacity;
    occupancy.release(vm.id);
    const placement = placeMachine(vm, { lookup, capacity });
    if (placement.kind === 'placed') {
      occupancy.hold(vm, placement.nodeId);
      this.#waiting.delete(vm.id);
    } else {
      this.#waiting.set(vm.id, { hasNeighbourRules: hasNeighbourRules(vm) });
    }
    return placement;
  }

  #waitingKeys(
    concerns: (waiting: { readonly hasNeighbourRules: boolean }) => boolean = () => true,
  ): ResourceKey[] {
    const concerned = [...this.#waiting].filter(([, one]) => concerns(one));
    return concerned.map(([id]) => ({ type: 'vm', id }));
  }

  /** A node that comes or goes concerns its machines; one that gets room, those that wait. */
  #onNode({ key, resource, previous }: ViewChange, lookup: Lookup): ResourceKey[] {
    const now = resource as Node | undefined;
    const before = previous as Node | undefined;
    const samePhase =
      now?.status?.phase === before?.status?.phase && isSilent(now) === isSilent(before);
    const sameRoom =
      now?.etag === before?.etag &&
      now?.status?.memory?.totalMib === before?.status?.memory?.totalMib;
    if (samePhase && sameRoom) return [];
    const there = samePhase
      ? []
      : lookup.referrers<VirtualMachine>('vm', key.id).filter((vm) => vm.status?.nodeId === key.id);
    return [...this.#waitingKeys(), ...there.map((vm) => ({ type: 'vm', id: vm.id }))];
  }

  #ownedBy(
    vm: VirtualMachine,
    lookup: Lookup,
  ): { readonly key: ResourceKey; readonly resource: AnyResource }[] {
    return ['port', 'volume'].flatMap((type) =>
      lookup
        .referrers(type, vm.id)
        .filter((child) => child.owner?.id === vm.id)
        .map((resource) => ({ key: { type, id: resource.id }, resource })),
    );
  }
}

/** Whether the user wants the disk's volume to outlive the machine. */
function isKept(vm: VirtualMachine, key: ResourceKey, { owner }: AnyResource): boolean {
  const disk = key.type === 'volume' ? wholeSpecOf(vm)?.disks[owner?.device ?? ''] : undefined;
  return disk?.source.case === 'volume' && disk.source.value.keep;
}

/** Whether a node's agent is not heard of, as it is stored. */
const isSilent = (node: Node | undefined): boolean =>
  readyOf(node?.status?.conditions)?.reason === AGENT_SILENT;

/** Whether a machine that has its node is judged by what changed of a volume or a port. */
function isForUsers({ key, resource, previous }: ViewChange): boolean {
  if (resource?.etag !== previous?.etag) return true;
  const readOf = key.type === 'port' ? readOfPort : readOfVolume;
  return readOf(resource) !== readOf(previous);
}

function readOfPort(port: ViewChange['resource']): string {
  const { up, macAddress, ipAddresses = [] } = (port as Port | undefined)?.status ?? {};
  return [up, macAddress, ...ipAddresses].join();
}

function readOfVolume(volume: ViewChange['resource']): string {
  const readiness = readyOf((volume as Volume | undefined)?.status?.conditions);
  return readiness?.status === ConditionStatus.FAILED ? readiness.message : '';
}

function usersOf({ key, resource, previous }: ViewChange, lookup: Lookup): ResourceKey[] {
  const keys = lookup.referrers('vm', key.id).map((vm) => ({ type: 'vm', id: vm.id }));
  const owner = (resource ?? previous)?.owner;
  if (owner?.type === 'vm') keys.push({ type: 'vm', id: owner.id });
  return keys;
}
