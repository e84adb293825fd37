/**
 * The power state of a domain: when to start, stop, pause and resume it, and when to start it again
 * after its guest ended by itself. Pure; a graceful stop goes on over several looks at the world.
 */

import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { HaSpecSchema, PowerState, RestartPolicy } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { effective } from '../../resource/default-values.js';
import { DomainState, PausedReason, ShutoffReason } from '../../wire/libvirt/constants.js';
import type { Marks } from './domain-xml.js';
import type { Decision, ObservedDomain, VmAction } from './observed.js';
import type { PowerOrders } from './power-orders.js';

/** From the first request to shut down until the guest is forced off. */
export const SHUTDOWN_DEADLINE_MS = 30_000;
/** A guest that is still booting loses the request; it is repeated after this long. */
export const SHUTDOWN_AGAIN_MS = 3_000;
/** A guest that pauses itself again, as on a full disk, is resumed no more often than this. */
export const RESUME_AGAIN_MS = 5_000;
/** A start that has not come to an end after this long is given up. */
export const START_DEADLINE_MS = 60_000;

const RESTART_FIRST_MS = 1_000;
const RESTART_MAX_MS = 60_000;
/** A guest that ran this long is healthy: what came before does not count. */
const RESTART_STABLE_MS = 300_000;
const RESTARTS_IN_ROW_MAX = 16;
const BUSY_MS = 1_000;

/** Keys of what was asked of a guest, in `ObservedVm.attempts`. */
export const Attempt = {
  shutdownFirst: 'shutdown-first',
  shutdown: 'shutdown',
  resume: 'resume',
  startingUp: 'starting-up',
} as const;

/** What a decision about power rests on. */
export interface PowerInput {
  readonly vm: VirtualMachine;
  readonly domain: ObservedDomain;
  readonly marks: Marks;
  readonly attempts: ReadonlyMap<string, number>;
  readonly nowMs: number;
  /** Paths of the fields for which a running guest must be restarted. */
  readonly restartFor: readonly string[];
  /** What operations ask for. */
  readonly orders: PowerOrders;
}

/** Decides on the next step towards the wanted power state. */
export function decidePower(input: PowerInput): Decision {
  const wanted = wantedPower(input.vm);
  const { stop, reboot, reset } = input.orders;
  if (input.domain.live === undefined) {
    if (wanted === 'off') return forgetSaved(input);
    return wanted === 'saved' ? NOTHING : decideStart(input);
  }
  if (isStartingUp(input.domain)) return awaitStart(input);
  if (wanted === 'off') return decideStop(input, 'to be shut down', stop?.patienceMs);
  if (wanted === 'saved') {
    return act({ kind: 'save', marks: { ...input.marks, power: 'saved' } });
  }
  if (input.restartFor.length > 0) {
    return decideStop(input, `to be restarted for ${input.restartFor.join(', ')}`);
  }
  if (reboot !== undefined) return decideStop(input, 'to be started again', reboot.patienceMs);
  if (reset !== undefined) {
    return act({ kind: 'reset', marks: { ...input.marks, operationId: reset.id } });
  }
  return decideRun(input, wanted);
}

/** Asks the guest to shut down, again and again, and forces it off after `patienceMs`. */
export function decideStop(
  input: Pick<PowerInput, 'domain' | 'marks' | 'attempts' | 'nowMs'>,
  why: string,
  patienceMs = SHUTDOWN_DEADLINE_MS,
): Decision {
  const { domain, marks, attempts, nowMs } = input;
  const mark: VmAction[] =
    marks.power === 'stopping' ? [] : [{ kind: 'mark', marks: { ...marks, power: 'stopping' } }];
  const firstMs = attempts.get(Attempt.shutdownFirst) ?? nowMs;
  const lastMs = attempts.get(Attempt.shutdown);
  const deadlineMs = firstMs + patienceMs;
  if (nowMs >= deadlineMs) return act(...mark, { kind: 'destroy' });
  const againMs = lastMs === undefined ? nowMs : lastMs + SHUTDOWN_AGAIN_MS;
  if (nowMs >= againMs) {
    const resume: VmAction[] = domain.state === DomainState.PAUSED ? [{ kind: 'resume' }] : [];
    return act(...mark, ...resume, { kind: 'shutdown' });
  }
  const message = `the guest waits ${why}`;
  return wait(message, Math.min(againMs, deadlineMs) - nowMs);
}

/** Whether the guest shall not run, with or without its memory kept. */
export function isOffWanted(vm: VirtualMachine): boolean {
  return ['off', 'saved'].includes(wantedPower(vm));
}

/** Whether the wanted state is to run, to be halted, to be off, or to be off with its memory. */
function wantedPower(vm: VirtualMachine): 'running' | 'paused' | 'off' | 'saved' {
  switch (vm.spec?.powerState) {
    case PowerState.STOPPED:
      return 'off';
    case PowerState.PAUSED:
      return 'paused';
    case PowerState.SUSPENDED:
      return 'saved';
    default:
      return 'running';
  }
}

/** A machine that is stopped boots afresh the next time. */
function forgetSaved({ marks }: PowerInput): Decision {
  if (marks.power !== 'saved') return NOTHING;
  return act({ kind: 'forget-saved', marks: { ...marks, power: 'stopping' } });
}

function decideStart(input: PowerInput): Decision {
  const { vm, marks, domain, nowMs, orders } = input;
  const paused = wantedPower(vm) === 'paused';
  // A start does what reboots and resets wanted, too.
  const operationId = orders.newestId ?? marks.operationId;
  const started = { ...marks, power: 'running' as const, startedAtMs: nowMs, operationId };
  if (marks.power !== 'running' || orders.newestId !== undefined) {
    return act({ kind: 'start', paused, marks: { ...started, restartsInRow: 0 } });
  }
  const refusal = refuseRestart(vm, domain.reason);
  if (refusal !== undefined) return note(refusal, undefined);
  const stable = nowMs - marks.startedAtMs > RESTART_STABLE_MS;
  const inRow = stable ? 0 : marks.restartsInRow;
  const delayMs = inRow === 0 ? 0 : Math.min(RESTART_FIRST_MS * 2 ** (inRow - 1), RESTART_MAX_MS);
  const dueMs = marks.startedAtMs + delayMs;
  if (nowMs < dueMs) {
    const seconds = Math.ceil((dueMs - nowMs) / 1_000);
    const message = `the guest ended by itself ${inRow + 1} times in a row; starts again in ${seconds} s`;
    return note(message, dueMs - nowMs);
  }
  const restartsInRow = Math.min(inRow + 1, RESTARTS_IN_ROW_MAX);
  const counted = { ...started, restarts: marks.restarts + 1, restartsInRow };
  return act({ kind: 'start', paused, marks: counted });
}

/** Why a guest that ended by itself stays off, or undefined when it is started again. */
function refuseRestart(vm: VirtualMachine, reason: number): string | undefined {
  const policy = effective(HaSpecSchema, vm.spec?.ha, 'restart');
  if (policy === RestartPolicy.NEVER) {
    return 'the guest ended by itself and ha.restart is never; stop and start it to run it again';
  }
  if (policy === RestartPolicy.ON_FAILURE && reason === ShutoffReason.SHUTDOWN) {
    return 'the guest shut itself down and ha.restart is on_failure; stop and start it to run it again';
  }
  return undefined;
}

function decideRun(input: PowerInput, wanted: 'running' | 'paused'): Decision {
  const { domain, marks, attempts, nowMs } = input;
  if (marks.power === 'stopping') {
    const askedMs = attempts.get(Attempt.shutdownFirst);
    const leftMs = askedMs === undefined ? 0 : askedMs + SHUTDOWN_DEADLINE_MS - nowMs;
    if (leftMs > 0) return wait('the guest was asked to shut down just now', leftMs);
  }
  if (marks.power !== 'running') {
    const startedAtMs = marks.startedAtMs === 0 ? nowMs : marks.startedAtMs;
    return act({ kind: 'mark', marks: { ...marks, power: 'running', startedAtMs } });
  }
  const isPaused = domain.state === DomainState.PAUSED;
  if (wanted === 'paused') return isPaused ? NOTHING : act({ kind: 'suspend' });
  if (!isPaused) return NOTHING;
  const againMs = (attempts.get(Attempt.resume) ?? Number.NEGATIVE_INFINITY) + RESUME_AGAIN_MS;
  if (nowMs >= againMs) return act({ kind: 'resume' });
  const why =
    domain.reason === PausedReason.IOERROR
      ? 'the guest is halted by an I/O error of its disk; is the storage full?'
      : 'the guest is halted and does not go on';
  return note(why, againMs - nowMs);
}

/** Whether a start has begun that has not come to an end. */
export function isStartingUp({ state, reason }: ObservedDomain): boolean {
  return state === DomainState.PAUSED && reason === PausedReason.STARTING_UP;
}

function awaitStart({ attempts, nowMs }: PowerInput): Decision {
  const sinceMs = attempts.get(Attempt.startingUp) ?? nowMs;
  if (nowMs - sinceMs >= START_DEADLINE_MS) return act({ kind: 'destroy' });
  return wait('the hypervisor is starting the guest', BUSY_MS);
}

const NOTHING: Decision = { actions: [], waits: [], notes: [], againAfterMs: undefined };

function act(...actions: VmAction[]): Decision {
  return { ...NOTHING, actions };
}

function wait(message: string, againAfterMs: number | undefined): Decision {
  return { ...NOTHING, waits: [message], againAfterMs };
}

function note(message: string, againAfterMs: number | undefined): Decision {
  return { ...NOTHING, notes: [message], againAfterMs };
}
