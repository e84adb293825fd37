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
  checks: [],
};

function node(name: string, over: Partial<Candidate> = {}): Candidate {
  return {
    id: `id-${name}`,
    name,
    labels: {},
    ready: true,
    schedulable: true,
    capacity: { vcpus: 16, memoryMib: 8192 },
    used: { vcpus: 0, memoryMib: 0 },
    ...over,
  };
}

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
