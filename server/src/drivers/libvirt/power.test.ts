/** When a domain is started, stopped, halted, and started again. */
import { create } from '@bufbuild/protobuf';
import {
  PowerState,
  RestartPolicy,
  VirtualMachineSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { DomainState, PausedReason, ShutoffReason } from '../../wire/libvirt/constants.js';
import type { Marks } from './domain-xml.js';
import type { Decision, ObservedDomain } from './observed.js';
import type { DomainPlan } from './plan.js';
import { decidePower, RESUME_AGAIN_MS, SHUTDOWN_DEADLINE_MS } from './power.js';
import type { PowerOrders } from './power-orders.js';
import type { DomainReading } from './read-domain.js';

const NOW = 10_000_000;
const plan: DomainPlan = {
  accelerator: 'qemu',
  title: '',
  cores: 1,
  sockets: 1,
  threadsPerCore: 1,
  memoryKib: 1,
  disks: new Map(),
  nics: new Map(),
  seedPath: undefined,
  vnc: undefined,
};
const reading: DomainReading = {
  plan,
  marks: undefined,
  machine: 'q35',
  rootPorts: 9,
  addresses: new Map(),
  hasScsiController: false,
  agentConnected: false,
};
const off = (reason: number): ObservedDomain => ({
  state: DomainState.SHUTOFF,
  reason,
  persistent: true,
  config: reading,
  live: undefined,
});
const on = (state: number = DomainState.RUNNING, reason = 1): ObservedDomain => ({
  ...off(reason),
  state,
  live: reading,
});

interface Given {
  readonly wanted?: PowerState;
  readonly policy?: RestartPolicy;
  readonly domain: ObservedDomain;
  readonly marks?: Partial<Marks>;
  readonly attempts?: Record<string, number>;
  readonly restartFor?: string[];
  readonly orders?: PowerOrders;
}

function decide(given: Given): Decision {
  const restart = given.policy ?? RestartPolicy.UNSPECIFIED;
  const powerState = given.wanted ?? PowerState.RUNNING;
  const vm = create(VirtualMachineSchema, { spec: { powerState, ha: { restart } } });
  const marks: Marks = {
    vmId: '',
    projectId: '',
    generation: 1n,
    power: 'running',
    restarts: 0,
    restartsInRow: 0,
    startedAtMs: NOW - 1_000,
    operationId: '',
    ...given.marks,
  };
  return decidePower({
    vm,
    domain: given.domain,
    marks,
    attempts: new Map(Object.entries(given.attempts ?? {})),
    nowMs: NOW,
    restartFor: given.restartFor ?? [],
    orders: given.orders ?? {},
  });
}

const { STOPPED, SUSPENDED } = PowerState;
const reset: PowerOrders = { reset: { id: 'a' }, newestId: 'a' };

const kinds = (decision: Decision) => decision.actions.map(({ kind }) => kind);

test.each<[string, Given, string[]]>([
  ['what never ran starts', { domain: off(0), marks: { power: 'defined' } }, ['start']],
  ['what was stopped starts', { domain: off(1), marks: { power: 'stopping' } }, ['start']],
  ['what runs stays', { domain: on() }, []],
  ['what is off stays off', { domain: off(1), wanted: PowerState.STOPPED }, []],
  ['what runs is stopped', { domain: on(), wanted: PowerState.STOPPED }, ['mark', 'shutdown']],
  [
    'what is halted goes on in order to stop',
    { domain: on(DomainState.PAUSED), wanted: PowerState.STOPPED },
    ['mark', 'resume', 'shutdown'],
  ],
  [
    'what runs is stopped for a change',
    { domain: on(), restartFor: ['spec.cpu.cores'] },
    ['mark', 'shutdown'],
  ],
  [
    'what does not stop is asked again',
    {
      domain: on(),
      wanted: PowerState.STOPPED,
      marks: { power: 'stopping' },
      attempts: { 'shutdown-first': NOW - 5_000, shutdown: NOW - 4_000 },
    },
    ['shutdown'],
  ],
  [
    'what does not stop in time is forced',
    {
      domain: on(),
      wanted: PowerState.STOPPED,
      marks: { power: 'stopping' },
      attempts: { 'shutdown-first': NOW - SHUTDOWN_DEADLINE_MS, shutdown: NOW },
    },
    ['destroy'],
  ],
  ['a start that was not noted is', { domain: on(), marks: { power: 'defined' } }, ['mark']],
  ['what runs is halted', { domain: on(), wanted: PowerState.PAUSED }, ['suspend']],
  ['what is halted goes on', { domain: on(DomainState.PAUSED) }, ['resume']],
  [
    'what halts itself is not resumed all the time',
    {
      domain: on(DomainState.PAUSED, PausedReason.IOERROR),
      attempts: { resume: NOW - RESUME_AGAIN_MS + 1 },
    },
    [],
  ],
  [
    'a start under way is waited for',
    { domain: on(DomainState.PAUSED, PausedReason.STARTING_UP) },
    [],
  ],
  [
    'a start that hangs is given up',
    {
      domain: on(DomainState.PAUSED, PausedReason.STARTING_UP),
      attempts: { 'starting-up': NOW - 60_000 },
    },
    ['destroy'],
  ],
  ['what crashed starts again', { domain: off(ShutoffReason.CRASHED) }, ['start']],
  ['what shut itself down starts again', { domain: off(ShutoffReason.SHUTDOWN) }, ['start']],
  [
    'what crashed starts again on failure',
    { domain: off(ShutoffReason.CRASHED), policy: RestartPolicy.ON_FAILURE },
    ['start'],
  ],
  [
    'what shut itself down does not on failure',
    { domain: off(ShutoffReason.SHUTDOWN), policy: RestartPolicy.ON_FAILURE },
    [],
  ],
  [
    'what crashed does not with the policy never',
    { domain: off(ShutoffReason.CRASHED), policy: RestartPolicy.NEVER },
    [],
  ],
  [
    'what ended by itself starts when an operation says so',
    {
      domain: off(ShutoffReason.SHUTDOWN),
      policy: RestartPolicy.NEVER,
      orders: { newestId: 'a' },
    },
    ['start'],
  ],
  [
    'what is to be rebooted shuts down',
    { domain: on(), orders: { reboot: { id: 'a', patienceMs: 60_000 }, newestId: 'a' } },
    ['mark', 'shutdown'],
  ],
  [
    'what is to be rebooted by force is ended',
    { domain: on(), orders: { reboot: { id: 'a', patienceMs: 0 }, newestId: 'a' } },
    ['mark', 'destroy'],
  ],
  ['what is to be reset is', { domain: on(), orders: { reset: { id: 'a' } } }, ['reset']],
  ['what is to be off is not reset', { domain: off(1), wanted: STOPPED, orders: reset }, []],
  ['what is to be suspended is saved', { domain: on(), wanted: SUSPENDED }, ['save']],
  [
    'what is saved stays so',
    { domain: off(ShutoffReason.SAVED), wanted: SUSPENDED, marks: { power: 'saved' } },
    [],
  ],
  [
    'what is saved goes on',
    { domain: off(ShutoffReason.SAVED), marks: { power: 'saved' } },
    ['start'],
  ],
  [
    'what is saved is forgotten when it is stopped',
    { domain: off(ShutoffReason.SAVED), wanted: STOPPED, marks: { power: 'saved' } },
    ['forget-saved'],
  ],
])('%s', (_, given, expected) => {
  expect(kinds(decide(given))).toEqual(expected);
});

test('a guest that ends again and again starts with growing delays, up to a minute', () => {
  const delays = [0, 1, 2, 3, 8, 16].map((restartsInRow) => {
    const given = { domain: off(3), marks: { restartsInRow, startedAtMs: NOW } };
    return decide(given).againAfterMs ?? 0;
  });
  expect(delays).toEqual([0, 1_000, 2_000, 4_000, 60_000, 60_000]);
});

test('a guest that ran long enough is not held back by what came before', () => {
  const marks = { restartsInRow: 9, restarts: 20, startedAtMs: NOW - 600_000 };
  expect(decide({ domain: off(3), marks }).actions).toEqual([
    {
      kind: 'start',
      paused: false,
      marks: expect.objectContaining({ restarts: 21, restartsInRow: 1, startedAtMs: NOW }),
    },
  ]);
});
