/**
 * The control plane's half of a node: whether its agent is heard of, and what of it is given away.
 */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type Node,
  NodeAllocationSchema,
  NodePhase,
  type NodeStatus,
  NodeStatusSchema,
} from '@limiquantix/proto/compute/v1/node_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Capacity } from '../../decide/capacity.js';
import type { Usage } from '../../decide/occupancy.js';
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
import { notReady, ready } from '../../resource/ready.js';
import type { ResourceKey } from '../../resource/resource.js';
import { AGENT_SILENT, type NodeLinks } from './node-links.js';

/** `last_heartbeat_at` is written at most this often. */
const heartbeatWriteMs = 60_000;
/** `allocation` is written at most this often, however many machines come and go. */
const allocationWriteMs = 1_000;

interface Observed {
  readonly connected: boolean;
  readonly lastHeardMs: number;
  readonly used: Usage;
  readonly allocationDue: boolean;
}

/** The driver for `node` in the control plane. */
export class NodeControlDriver
  implements
    Driver<Node, Observed, never, NodeStatus>,
    SupportsTriggers,
    SupportsJudging<Node, NodeStatus>
{
  readonly type = 'node';
  readonly runsOn = 'control-plane';
  readonly #links: NodeLinks;
  readonly #capacity: Capacity;
  readonly #allocationWrittenMs = new Map<string, number>();

  constructor(links: NodeLinks, capacity: Capacity) {
    this.#links = links;
    this.#capacity = capacity;
  }

  async observe(node: Node, lookup: Lookup): Promise<Observed> {
    const writtenMs = this.#allocationWrittenMs.get(node.id) ?? 0;
    const allocationDue = lookup.nowMs() - writtenMs >= allocationWriteMs;
    if (allocationDue) this.#allocationWrittenMs.set(node.id, lookup.nowMs());
    return this.#known(node, allocationDue);
  }

  #known({ id }: Node, allocationDue: boolean): Observed {
    return {
      connected: this.#links.isConnected(id),
      lastHeardMs: this.#links.lastHeardMs(id),
      used: { ...this.#capacity.occupancy.usedOf(id) },
      allocationDue,
    };
  }

  diff(node: Node, observed: Observed, _: Lookup): Difference<never, NodeStatus> {
    const { connected, used, allocationDue } = observed;
    const before = node.status;
    const reported = before?.memory !== undefined;
    const wanted = create(NodeAllocationSchema, {
      cpu: used.vcpus,
      memoryMib: BigInt(used.memoryMib),
      vms: used.vms,
    });
    const status = patched(NodeStatusSchema, before, {
      observedGeneration: node.generation,
      ...(allocationDue ? { allocation: wanted } : {}),
    });
    const heardMs = heartbeatToWrite(before, observed.lastHeardMs);
    if (heardMs !== undefined) status.lastHeartbeatAt = timestampFromMs(heardMs);
    if (connected && reported && status.nodeMessage !== '') {
      status.phase = NodePhase.NOT_READY;
      status.conditions = notReady('AgentImpaired', status.nodeMessage);
    } else if (connected && reported) {
      status.phase = NodePhase.READY;
      status.conditions = ready();
    } else if (reported) {
      status.phase = NodePhase.NOT_READY;
      status.conditions = notReady(AGENT_SILENT, 'its agent is not heard of');
    } else {
      status.phase = NodePhase.PENDING;
      status.conditions = notReady('NotJoined', 'no agent has joined under this name yet');
    }
    const again = allocationDue ? heartbeatWriteMs : allocationWriteMs;
    return { actions: [], status, againAfterMs: again };
  }

  judge(node: Node, lookup: Lookup): NodeStatus | undefined {
    return this.diff(node, this.#known(node, false), lookup).status;
  }

  async apply(): Promise<void> {
    throw new Error('this driver has no actions');
  }

  /** A node's record goes at once; the API refuses to delete one that has machines. */
  async remove(): Promise<Removal> {
    return { gone: true };
  }

  triggers({ key, resource, previous }: ViewChange): readonly ResourceKey[] {
    if (key.type !== 'vm') return [];
    const now = (resource as VirtualMachine | undefined)?.status?.nodeId ?? '';
    const before = (previous as VirtualMachine | undefined)?.status?.nodeId ?? '';
    const resized = resource?.generation !== previous?.generation;
    if (now === before && !resized) return [];
    return [...new Set([now, before])]
      .filter((id) => id !== '')
      .map((id) => ({ type: 'node', id }));
  }
}

function heartbeatToWrite(before: NodeStatus | undefined, heardMs: number): number | undefined {
  if (heardMs === 0) return undefined;
  const written = before?.lastHeartbeatAt === undefined ? 0 : timestampMs(before.lastHeartbeatAt);
  return heardMs - written >= heartbeatWriteMs ? heardMs : undefined;
}
