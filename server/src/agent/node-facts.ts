/**
 * The driver for the agent's own node: it changes nothing and reports what the host is. A host
 * whose hypervisor doesn't answer keeps its processors and memory, and has no hypervisor until it
 * answers again.
 */
import { clone, create, equals } from '@bufbuild/protobuf';
import {
  type Node,
  type NodeCpu,
  type NodeMemory,
  type NodeStatus,
  NodeStatusSchema,
  type NodeSystem,
} from '@limiquantix/proto/compute/v1/node_pb.js';
import type { Log } from '../log.js';
import type { Driver } from '../reconcile/driver.js';
import { patched } from '../resource/patched.js';

/** What a host is. */
export interface NodeFacts {
  readonly cpu: NodeCpu;
  readonly memory: NodeMemory;
  readonly system: NodeSystem;
}

/** What the driver works with. */
export interface NodeDriverOptions {
  /** Reads the facts. Throws when the hypervisor can't be asked. */
  readonly facts: () => Promise<NodeFacts>;
  /** Why the agent can't do its work, for people; empty when it can. */
  readonly fault: () => string;
  readonly log: Log;
}

/** Facts are read again after this long, to see changes such as an upgrade … */
const againMs = 60_000;
/** … and after this long where the hypervisor did not answer. */
const retryMs = 1_000;

/** Makes the driver. */
export function createNodeDriver(
  options: NodeDriverOptions,
): Driver<Node, NodeStatus, never, NodeStatus> {
  let last: NodeStatus = create(NodeStatusSchema);
  let isLost = false;
  const observe = async (): Promise<NodeStatus> => {
    try {
      last = create(NodeStatusSchema, await options.facts());
      isLost = false;
      return last;
    } catch (error) {
      if (!isLost) options.log.warn('the hypervisor does not answer', { err: error });
      isLost = true;
      return withoutHypervisor(last);
    }
  };
  return {
    type: 'node',
    runsOn: 'node',
    observe: async () => {
      const status = await observe();
      return patched(NodeStatusSchema, status, { nodeMessage: options.fault() });
    },
    diff: (_node, observed) => ({
      actions: [],
      status: observed,
      againAfterMs: (observed.system?.hypervisor ?? '') === '' ? retryMs : againMs,
    }),
    apply: () => Promise.resolve(),
    remove: () => Promise.resolve({ gone: true }),
  };
}

function withoutHypervisor(status: NodeStatus): NodeStatus {
  const copy = clone(NodeStatusSchema, status);
  if (copy.system !== undefined) {
    copy.system.hypervisor = '';
    copy.system.libvirtVersion = '';
  }
  return equals(NodeStatusSchema, copy, status) ? status : copy;
}
