/**
 * The driver for `operation` on a node: tells what came of the operations that the node carries
 * out. The driver of machines does the work, with its own looks at the domain; here is only what it
 * has noted in the domain's marks.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import {
  type Operation,
  OperationOutcome,
  type OperationStatus,
  OperationStatusSchema,
} from '@limiquantix/proto/operations/v1/operation_pb.js';
import type { Driver, Poke, SupportsTriggers } from '../../reconcile/driver.js';

/** What the driver works with. */
export interface OperationDriverOptions {
  /** The newest operation that was carried out on a machine; empty for none. */
  readonly operationDone: (vmId: string) => Promise<string>;
  readonly poke: Poke;
}

/** What is known of an operation. */
interface Observed {
  /** The newest operation that was carried out on its machine. */
  readonly doneId: string;
}

const AGAIN_MS = 1_000;
/** What the node itself carries out; other operations end when the machine is as its spec says. */
const METHODS: ReadonlySet<string> = new Set(['RebootVirtualMachine', 'ResetVirtualMachine']);

/** Makes the driver. */
export function createOperationDriver({
  operationDone,
  poke,
}: OperationDriverOptions): Driver<Operation, Observed, never, OperationStatus> & SupportsTriggers {
  return {
    type: 'operation',
    runsOn: 'node',
    async observe({ spec }) {
      const vmId = spec?.targetId ?? '';
      poke({ type: 'vm', id: vmId });
      return { doneId: await operationDone(vmId) };
    },
    diff(operation, { doneId }, lookup) {
      const { id, spec } = operation;
      if (!METHODS.has(spec?.method ?? '')) return { actions: [], status: report({}) };
      const isDone = doneId >= id;
      if (isDone || spec?.cancelRequested) {
        const outcome = isDone ? OperationOutcome.SUCCEEDED : OperationOutcome.CANCELLED;
        return { actions: [], status: report({ outcome }) };
      }
      const vm = lookup.get<VirtualMachine>('vm', spec?.targetId ?? '');
      const nodeMessage = vm?.status?.nodeMessage || 'the node is at it';
      return { actions: [], status: report({ nodeMessage }), againAfterMs: AGAIN_MS };
    },
    apply: () => Promise.resolve(),
    remove: () => Promise.resolve({ gone: true }),
    triggers: ({ key }, lookup) =>
      key.type !== 'vm'
        ? []
        : lookup
            .list<Operation>('operation')
            .filter(({ spec }) => spec?.targetId === key.id)
            .map(({ id }) => ({ type: 'operation', id })),
  };
}

const report = (fields: MessageInitShape<typeof OperationStatusSchema>): OperationStatus =>
  create(OperationStatusSchema, fields);
