/**
 * How the operations of each method are judged: the one table of methods that end later than their
 * call. What begins them is in `api/methods`. Pure.
 */
import { PowerState, type VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import {
  DeleteSnapshotRequestSchema,
  StartVirtualMachineRequestSchema,
} from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { type Operation, OperationOutcome } from '@limiquantix/proto/operations/v1/operation_pb.js';
import { ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { isReady } from '../resource/conditions.js';
import { readyOf } from '../resource/ready.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import { drainRule } from './drain.js';
import {
  argumentsOf,
  failure,
  going,
  type Judgement,
  type OperationInput,
  type OperationRule,
  success,
} from './operation.js';
import { wholeSpecOf } from './whole-spec.js';

/** The power state that a machine's spec wants; what is not set is running. */
export function wantedPowerOf(vm: VirtualMachine): PowerState {
  return wholeSpecOf(vm)?.powerState || PowerState.RUNNING;
}

/** The resource that it works on is deleted, and goes. */
const endsTarget: OperationRule = { cancellable: false, endsTarget: true, judge: () => success };

/** Whether a machine's spec wants no guest to run or stand still. */
export function isOffWanted(vm: VirtualMachine): boolean {
  return [PowerState.STOPPED, PowerState.SUSPENDED].includes(wantedPowerOf(vm));
}

/** The rule of each method that answers with an operation, by the method's name. */
export const operationRules: ReadonlyMap<string, OperationRule> = new Map([
  rule('StartVirtualMachine', power(startState)),
  rule('StopVirtualMachine', power(PowerState.STOPPED)),
  rule('PauseVirtualMachine', power(PowerState.PAUSED)),
  rule('ResumeVirtualMachine', power(PowerState.RUNNING)),
  rule('SuspendVirtualMachine', power(PowerState.SUSPENDED)),
  rule('RebootVirtualMachine', byNode()),
  rule('ResetVirtualMachine', byNode()),
  rule('CreateSnapshot', makes('vm_snapshot')),
  rule('DeleteSnapshot', removes('vm_snapshot', deletedSnapshot)),
  rule('CloneVirtualMachine', makes('vm')),
  rule('DrainNode', drainRule),
  rule('DecommissionNode', endsTarget),
]);

function rule<R extends AnyResource>(
  method: string,
  given: OperationRule<R>,
): [string, OperationRule] {
  return [method, given as unknown as OperationRule];
}

/** A machine comes into a power state that its spec was given when the operation began. */
function power(
  wanted: PowerState | ((operation: Operation) => PowerState),
): OperationRule<VirtualMachine> {
  return {
    cancellable: false,
    judge({ operation, target: vm }) {
      const state = typeof wanted === 'function' ? wanted(operation) : wanted;
      if (wantedPowerOf(vm) !== state) return superseded;
      if (vm.status?.powerState === state) return success;
      // What has no node does not run.
      if (state === PowerState.STOPPED && vm.status?.nodeId === '') return success;
      return judgeReady(vm);
    },
  };
}

const superseded = failure(
  'SUPERSEDED',
  "the machine's wanted power state was changed meanwhile; begin again if it is still wanted",
);

function startState(operation: Operation): PowerState {
  const { paused } = argumentsOf(StartVirtualMachineRequestSchema, operation);
  return paused ? PowerState.PAUSED : PowerState.RUNNING;
}

/** The agent of the machine's node carries it out and says what came of it. */
function byNode(): OperationRule<VirtualMachine> {
  return {
    cancellable: true,
    judge({ operation: { spec, status }, target: vm }) {
      if (status?.outcome === OperationOutcome.SUCCEEDED) return success;
      if (status?.outcome === OperationOutcome.CANCELLED) return { kind: 'cancelled' };
      const message = status?.nodeMessage ?? '';
      if (status?.outcome === OperationOutcome.FAILED || status?.nodeFailed === true) {
        return failure('NODE_REFUSED', message);
      }
      if (isOffWanted(vm)) return superseded;
      if (vm.status?.nodeId !== spec?.nodeId) {
        return failure('TARGET_MOVED', 'the machine went to another node; begin again');
      }
      return going(message === '' ? 'its node has not begun' : message);
    },
  };
}

/** Another resource is made, and comes to be ready. */
function makes(type: TypeName): OperationRule {
  return {
    cancellable: false,
    follows: ({ status }) => [{ type, id: status?.resultId ?? '' }],
    judge({ operation, lookup }) {
      const made = lookup.get(type, operation.status?.resultId ?? '');
      return made === undefined ? resultGone : judgeReady(made);
    },
  };
}

const resultGone = failure('RESULT_GONE', 'what it made was deleted meanwhile');

/** Another resource is deleted, and goes. */
function removes(type: TypeName, idOf: (operation: Operation) => string): OperationRule {
  return {
    cancellable: false,
    follows: (operation) => [{ type, id: idOf(operation) }],
    judge({ operation, lookup }: OperationInput) {
      if (lookup.get(type, idOf(operation)) === undefined) return success;
      return going('it is being removed');
    },
  };
}

function deletedSnapshot(operation: Operation): string {
  return argumentsOf(DeleteSnapshotRequestSchema, operation).snapshotId;
}

/** A resource that comes to be ready, or is said to be never. */
function judgeReady(resource: AnyResource): Judgement {
  if (isReady(resource)) return success;
  const { status, generation } = resource;
  const condition = readyOf(status?.conditions);
  if (condition === undefined || status?.observedGeneration !== generation) {
    return going('it has not been looked at');
  }
  if (condition.status !== ConditionStatus.FAILED) return going(condition.message);
  return failure(upperSnake(condition.reason), condition.message);
}

/** `NotSupported` → `NOT_SUPPORTED`. */
const upperSnake = (reason: string): string =>
  reason.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
