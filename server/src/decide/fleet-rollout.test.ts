import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { FleetRolloutSchema } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { decideRollout, type Member, type MemberChange } from './fleet-rollout.js';

type Init = MessageInitShape<typeof FleetRolloutSchema>;

/** Machines as letters, in the order of their numbers: `R` ready, `w` waiting, `f` failed, `l` lost, `x` leaving. */
function members(states: string, changes = ''): Member[] {
  const stateOf = { R: 'ready', w: 'waiting', f: 'failed', l: 'lost', x: 'leaving' } as const;
  const changeOf = { '.': 'none', l: 'live', c: 'costly', r: 'replace' } as const;
  return [...states].flatMap((letter, index): Member[] => {
    if (letter === '-') return [];
    const state = stateOf[letter as keyof typeof stateOf];
    const change = changeOf[(changes[index] ?? '.') as keyof typeof changeOf];
    return [{ index, id: `vm-${index}`, state, change }];
  });
}

function steps(replicas: number, given: readonly Member[], rollout: Init = {}) {
  const decided = decideRollout({
    replicas,
    members: given,
    rollout: create(FleetRolloutSchema, rollout),
  });
  const indexes = (list: readonly Member[]): number[] => list.map(({ index }) => index);
  const { make, change, replace, remove } = decided;
  return { make, change: indexes(change), replace: indexes(replace), remove: indexes(remove) };
}

const nothing = { make: [], change: [], replace: [], remove: [] };

test.each<[string, number, Member[], Init, object]>([
  ['makes what is missing, the lowest first', 3, members('-R'), {}, { make: [0, 2] }],
  ['waits with a number until the machine that had it is gone', 2, members('Rx'), {}, {}],
  ['removes what is too much, the highest first', 1, members('RRR'), {}, { remove: [2, 1] }],
  ['changes one at a time by default', 3, members('RRR', 'ccc'), {}, { change: [0] }],
  [
    'changes as many as may be missed',
    4,
    members('RRRR', 'cccc'),
    { maxUnavailable: 3 },
    { change: [0, 1, 2] },
  ],
  ['waits while a changed one is not ready', 3, members('wRR', '.cc'), {}, {}],
  ['waits while a changed one has failed', 3, members('fRR', '.cc'), {}, {}],
  ['counts one that is missing as not available', 3, members('-RR', '.cc'), {}, { make: [0] }],
  ['changes those first that are down anyway', 3, members('RRw', 'ccc'), {}, { change: [2] }],
  ['leaves a lost one alone, for it may serve', 3, members('lRR', 'ccc'), {}, {}],
  ['changes at once what nobody notices', 3, members('RRR', 'lll'), {}, { change: [0, 1, 2] }],
  ['makes anew what can not be changed', 2, members('RR', 'rr'), {}, { replace: [0] }],
  ['changes nothing while it is paused', 2, members('Rw', 'cr'), { paused: true }, {}],
  ['scales while it is paused', 3, members('RR', 'cc'), { paused: true }, { make: [2] }],
  [
    'makes machines beyond the wanted ones first where none may be missed',
    2,
    members('RR', 'cc'),
    { maxUnavailable: 0, maxSurge: 1 },
    { make: [2] },
  ],
  [
    'changes one when the one beyond is ready',
    2,
    members('RRR', 'cc.'),
    { maxUnavailable: 0, maxSurge: 1 },
    { change: [0] },
  ],
  [
    'keeps the one beyond until the last is ready',
    2,
    members('RwR'),
    { maxUnavailable: 0, maxSurge: 1 },
    {},
  ],
  [
    'removes the one beyond when all are ready',
    2,
    members('RRR'),
    { maxUnavailable: 0, maxSurge: 1 },
    { remove: [2] },
  ],
])('%s', (_, replicas, given, rollout, expected) => {
  expect(steps(replicas, given, rollout)).toEqual({ ...nothing, ...expected });
});

/** Plays a rollout to its end, with chance in the order in which machines become ready. */
function play(seed: number) {
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const replicas = 1 + random(8);
  const maxUnavailable = random(replicas + 1);
  const rollout = { maxUnavailable, maxSurge: maxUnavailable === 0 ? 1 + random(3) : random(3) };
  const kinds: MemberChange[] = ['costly', 'replace', 'live'];
  let world: Member[] = Array.from({ length: replicas }, (__, index) => {
    return { index, id: `old-${index}`, state: 'ready', change: kinds[random(3)] ?? 'none' };
  });
  let made = 0;
  let least = replicas;
  for (let turn = 0; turn < 500; turn += 1) {
    const decided = decideRollout({
      replicas,
      members: world,
      rollout: create(FleetRolloutSchema, rollout),
    });
    const going = new Set([...decided.remove, ...decided.replace].map(({ id }) => id));
    const changing = new Set(decided.change.map(({ id }) => id));
    world = world.map((member): Member => {
      if (going.has(member.id)) return { ...member, state: 'leaving' };
      if (!changing.has(member.id)) return member;
      const state = member.change === 'live' ? member.state : 'waiting';
      return { ...member, state, change: 'none' };
    });
    for (const index of decided.make) {
      world.push({ index, id: `new-${made++}`, state: 'waiting', change: 'none' });
    }
    least = Math.min(least, world.filter(({ state: is }) => is === 'ready').length);
    const busy = world.filter(({ state: is }) => is !== 'ready');
    const done = world.length === replicas && busy.length === 0;
    if (done && world.every(({ change }) => change === 'none')) return { least, rollout, replicas };
    const one = busy[random(Math.max(1, busy.length))];
    if (one?.state === 'leaving') world = world.filter((member) => member !== one);
    else world = world.map((member) => (member === one ? { ...member, state: 'ready' } : member));
  }
  throw new Error(`seed ${seed}: the rollout does not end`);
}

test.each(Array.from({ length: 200 }, (_, i) => i * 7_919 + 1))(
  'a rollout ends, and never misses more machines than it may (seed %i)',
  (seed) => {
    const { least, rollout, replicas } = play(seed);
    expect(least).toBeGreaterThanOrEqual(replicas - rollout.maxUnavailable);
  },
);
