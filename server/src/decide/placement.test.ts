import { create } from '@bufbuild/protobuf';
import {
  TaintEffect,
  TolerationSchema,
  VirtualMachineSpecSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { demandOf } from './candidates.js';
import {
  type Candidate,
  type Constraints,
  decidePlacement,
  refuseImpossible,
} from './placement.js';

const anywhere: Constraints = {
  requiredNodeIds: [],
  excludedNodeIds: [],
  requiredLabels: {},
  preferredNodeIds: [],
  preferredLabels: {},
  tolerations: {},
  neighbours: [],
  checks: [],
};

function node(name: string, over: Partial<Candidate> = {}): Candidate {
  return {
    id: `id-${name}`,
    name,
    labels: {},
    taints: [],
    ready: true,
    schedulable: true,
    capacity: { vcpus: 16, memoryMib: 8192 },
    used: { vcpus: 0, memoryMib: 0 },
    ...over,
  };
}

const gpu = (effect: TaintEffect) => ({ key: 'gpu', value: 'a100', effect });
const rule = (required: boolean, ...nodeIds: string[]) => ({
  required,
  against: ({ id }: Candidate) => (nodeIds.includes(id) ? 'is near' : undefined),
});
const small = { vcpus: 1, memoryMib: 1024 };

test('chooses the node that stays the emptiest', () => {
  const busy = node('a', { used: { vcpus: 8, memoryMib: 1024 } });
  const placement = decidePlacement(small, anywhere, [busy, node('b')]);
  expect(placement).toMatchObject({ kind: 'placed', nodeId: 'id-b' });
});

test('breaks ties by name, so that the choice repeats', () => {
  const placement = decidePlacement(small, anywhere, [node('b'), node('a')]);
  expect(placement).toMatchObject({ nodeId: 'id-a' });
});

test.each<[string, Partial<Candidate>, Partial<Constraints>, RegExp]>([
  ['not ready', { ready: false }, {}, /is not ready/],
  ['cordoned', { schedulable: false }, {}, /schedulable = false/],
  ['excluded', {}, { excludedNodeIds: ['id-a'] }, /excluded/],
  ['not required', {}, { requiredNodeIds: ['id-z'] }, /not among the required/],
  ['unlabelled', {}, { requiredLabels: { disk: 'ssd' } }, /lacks the label disk=ssd/],
  ['tainted', { taints: [gpu(TaintEffect.NO_SCHEDULE)] }, {}, /has the taint gpu=a100/],
  ['near others', {}, { neighbours: [rule(true, 'id-a')] }, /is near/],
  ['full', { used: { vcpus: 0, memoryMib: 8000 } }, {}, /832 MiB of memory are missing .*free 192/],
  ['out of vCPUs', { used: { vcpus: 16, memoryMib: 0 } }, {}, /1 vCPUs are missing/],
  ['failing a check', {}, { checks: [() => 'volume x is on another node'] }, /on another node/],
])('rejects a node that is %s, and says why', (_, over, constraints, reason) => {
  const placement = decidePlacement(small, { ...anywhere, ...constraints }, [node('a', over)]);
  expect(placement.kind).toBe('rejected');
  expect(placement.reasons.join()).toMatch(reason);
});

test('says that a machine larger than any node can never run, even where the nodes are not ready', () => {
  const huge = { vcpus: 1, memoryMib: 9000 };
  const reasons = refuseImpossible(huge, anywhere, [node('a', { ready: false })]);
  expect(reasons?.join()).toMatch(/a: 808 MiB of memory are missing/);
});

test('does not refuse for ever what only has no room now', () => {
  const full = node('a', { used: { vcpus: 16, memoryMib: 8192 } });
  expect(refuseImpossible(small, anywhere, [full])).toBeUndefined();
});

test('says that there is no node yet', () => {
  expect(decidePlacement(small, anywhere, []).reasons).toEqual(['there is no node yet']);
});

test.each<[string, object, 'placed' | 'rejected']>([
  ['of any value', {}, 'placed'],
  ['of its value', { value: 'a100' }, 'placed'],
  ['of another value', { value: 'h100' }, 'rejected'],
  ['of its effect', { effect: TaintEffect.NO_EXECUTE }, 'placed'],
  ['of another effect', { effect: TaintEffect.NO_SCHEDULE }, 'rejected'],
])('a machine that bears a taint %s', (_, toleration, kind) => {
  const tolerations = { gpu: create(TolerationSchema, toleration) };
  const tainted = node('a', { taints: [gpu(TaintEffect.NO_EXECUTE)] });
  expect(decidePlacement(small, { ...anywhere, tolerations }, [tainted]).kind).toBe(kind);
});

test('takes a node that would rather have none only where no other fits', () => {
  const shy = node('a', { taints: [gpu(TaintEffect.PREFER_NO_SCHEDULE)] });
  const busy = node('b', { used: { vcpus: 8, memoryMib: 4096 } });
  const preferred = { ...anywhere, preferredNodeIds: ['id-a'] };
  expect(decidePlacement(small, preferred, [shy, busy])).toMatchObject({ nodeId: 'id-b' });
  expect(decidePlacement(small, anywhere, [shy])).toMatchObject({ nodeId: 'id-a' });
});

test.each<[string, Partial<Constraints>]>([
  ['by id', { preferredNodeIds: ['id-b'] }],
  ['by label', { preferredLabels: { disk: 'ssd' } }],
  ['for the sake of others', { neighbours: [rule(false, 'id-a')] }],
])('prefers a fuller node %s, and takes another where it must', (_, preference) => {
  const nodes = [
    node('a'),
    node('b', { labels: { disk: 'ssd' }, used: { vcpus: 8, memoryMib: 0 } }),
  ];
  const constraints = { ...anywhere, ...preference };
  expect(decidePlacement(small, constraints, nodes)).toMatchObject({ nodeId: 'id-b' });
  expect(decidePlacement(small, constraints, nodes.slice(0, 1))).toMatchObject({
    nodeId: 'id-a',
    reasons: [expect.stringMatching(/1 preferences not met/)],
  });
});

test.each<[string, object, number]>([
  ['all of it without more', {}, 1_024],
  ['half of it where it is overcommitted twofold', { overcommitRatio: 2 }, 512],
  ['no less than what is reserved', { overcommitRatio: 4, reservationMib: 768n }, 768],
])('of a machine’s memory counts %s', (_, memory, memoryMib) => {
  const spec = create(VirtualMachineSpecSchema, { memory: { sizeMib: 1_024n, ...memory } });
  expect(demandOf(spec).memoryMib).toBe(memoryMib);
});

test('chooses among thousands of nodes as it would among two', () => {
  const many = Array.from({ length: 3_000 }, (_, n) =>
    node(`n${String(n).padStart(4, '0')}`, {
      used: { vcpus: 1 + (n % 7), memoryMib: 64 * (n % 5) },
    }),
  );
  const shuffled = many.toSorted((a, b) => (a.id.at(-1) ?? '').localeCompare(b.id.at(-1) ?? ''));
  const near = { ...anywhere, neighbours: [rule(true, 'id-n0000', 'id-n0035')] };
  expect(decidePlacement(small, near, shuffled)).toMatchObject({ nodeId: 'id-n0070' });
  expect(decidePlacement(small, near, many)).toMatchObject({ nodeId: 'id-n0070' });
});
