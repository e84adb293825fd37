/** What a plan asks the control plane, and what it tells of the answers. */

import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { createCheck } from '@limiquantix/proto/validation/check.js';
import { record, UNKNOWN } from '../value/value.js';
import { type Api, ApiError, type Judgement, type JudgeQuestion } from './api.js';
import { memoryFiles, shapeOf, whole } from './engine-testing.js';
import { planResource } from './plan.js';
import { PlanJudge } from './plan-judge.js';

type Given = Readonly<Record<string, unknown>>;
const vm = shapeOf('vm');
const id = '0198c6a4-5b1e-7c3a-9d42-000000000001';
const element = (name: string) => {
  const found = vm.object.byName.get(name)?.element;
  if (typeof found !== 'object') throw new Error(`no object ${name}`);
  return found;
};
const disk = (pool: unknown): object =>
  whole(element('disks'), { volume: { pool_id: pool, size_gib: 4 } });
const web = { name: 'web', project_id: 'default', cpu: { cores: 2 }, memory: { size_mib: 512 } };
const there = { ...web, id, created_at: '2026-01-01T00:00:00Z', created_by: 'me' };

const good: Judgement = {
  nodeId: 'n1',
  reasons: ['node-1: the least loaded that fits, 25 % with this machine'],
  shortfalls: [],
  warnings: [],
  unsupported: [],
};
const short = (message: string, isQuota = false): Judgement => ({
  ...good,
  nodeId: '',
  shortfalls: [{ path: 'spec.memory.size_mib', message, isQuota }],
});
const refused = (code: string, violations: ApiError['violations'] = []): ApiError =>
  new ApiError({ code, reason: '', message: `it is ${code}`, violations });

/** A control plane that gives the answers one after the other, the last one again and again. */
function world(...answers: readonly (Judgement | ApiError | undefined)[]) {
  const asked: JudgeQuestion[] = [];
  let nowMs = 0;
  let calls = 0;
  const judge = new PlanJudge({
    check: createCheck({ matches: () => true }),
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
    },
  });
  const api = {
    async judge(_: unknown, question: JudgeQuestion) {
      asked.push(question);
      const answer = answers[Math.min(calls, answers.length - 1)];
      calls += 1;
      if (answer instanceof ApiError) throw answer;
      return answer;
    },
  } as unknown as Api;
  const plan = async (prior: Given | null, config: Given | null) => {
    const full = (value: Given | null) => (value === null ? null : whole(vm.object, { ...value }));
    const question = { prior: full(prior), config: full(config), private: {} };
    const effects = { files: memoryFiles({}), newRequestId: () => 'r' };
    const planned = await planResource(vm, question, effects);
    const told = await judge.judge(vm, question, planned, api);
    return told.map(({ severity, summary, detail }) => `${severity}: ${summary}: ${detail}`);
  };
  return { asked, plan, judge, nowMs: () => nowMs };
}

test('asks for what is known of a new machine, and shows where it goes', async () => {
  const { plan, asked } = world(good);
  const disks = record([
    ['root', disk(UNKNOWN)],
    ['data', disk(id)],
  ] as never);
  const provisioning = { cloud_init: { user_data: UNKNOWN } };
  expect(await plan(null, { ...web, disks, provisioning })).toEqual([
    'warning: Where it goes: limiquantix_vm "web": node-1: the least loaded that fits, 25 % with this machine.',
  ]);
  const [question] = asked as unknown as { kind: string; resource: VirtualMachine }[];
  expect(question).toMatchObject({ kind: 'create', resource: { name: 'web' } });
  expect(Object.keys(question?.resource.spec?.disks ?? {})).toEqual(['data']);
});

test.each<[string, Given]>([
  ['the name', { name: UNKNOWN }],
  ['how much it needs', { memory: { size_mib: UNKNOWN } }],
])('asks nothing while %s is not known', async (_, change) => {
  const { plan, asked } = world(good);
  expect(await plan(null, { ...web, ...change })).toEqual([]);
  expect(asked).toEqual([]);
});

test('asks for exactly what a change names, without what is not known', async () => {
  const { plan, asked } = world(good);
  expect(await plan(there, { ...web, memory: { size_mib: 1024 }, description: UNKNOWN })).toEqual(
    [],
  );
  expect(asked).toMatchObject([{ kind: 'update', paths: ['spec.memory.size_mib'] }]);
});

test('says of a replacement, and of a deletion, that what is there goes', async () => {
  const { plan, asked } = world(undefined);
  expect(await plan(there, null)).toEqual([]);
  expect(await plan(there, { ...web, project_id: 'other' })).toEqual([]);
  expect(asked).toEqual([
    { kind: 'delete', id },
    { kind: 'delete', id },
  ]);
});

test('tells what there is not enough of, at its attribute, when the plan is quiet', async () => {
  const { plan, asked, nowMs } = world(short('no node has room'));
  expect(await plan(null, web)).toEqual([
    'error: There is no room for limiquantix_vm "web": memory.size_mib: no node has room.',
  ]);
  expect(asked).toHaveLength(2);
  expect(nowMs()).toBe(250);
});

test('tells of a quota that it is one', async () => {
  const { plan } = world(short('8 of 8 vCPUs are used', true));
  expect(await plan(null, web)).toEqual([
    'error: limiquantix_vm "web" is more than the quota allows: memory.size_mib: 8 of 8 vCPUs are used.',
  ]);
});

test('tells nothing of what another change of the plan makes room for', async () => {
  expect(await world(short('no room'), { ...good, reasons: [] }).plan(null, web)).toEqual([]);
  const taken = refused('already_exists', [{ path: 'name', message: '"web" is taken' }]);
  expect(await world(taken, { ...good, reasons: [] }).plan(null, web)).toEqual([]);
});

test('tells a refusal in its words, and those of deletions not at all', async () => {
  const taken = refused('already_exists', [{ path: 'name', message: '"web" is taken' }]);
  expect(await world(taken).plan(null, web)).toEqual([
    'error: Cannot create limiquantix_vm "web": "web" is taken.',
  ]);
  expect(await world(refused('failed_precondition')).plan(there, null)).toEqual([]);
});

test('what no backend can do is an error of a new machine, and a word on one that is there', async () => {
  const unsupported = [{ path: 'spec.cpu', message: 'no driver sets it' }];
  const { plan } = world({ ...good, nodeId: '', unsupported });
  expect(await plan(null, web)).toEqual([
    'error: limiquantix_vm "web" is not supported: No driver sets it.',
  ]);
  expect(await plan(there, { ...web, memory: { size_mib: 1024 } })).toEqual([
    'warning: limiquantix_vm "web" is not supported: No driver sets it.',
  ]);
});

test('a control plane that cannot be asked is told once', async () => {
  const { plan, asked } = world(refused('unavailable'));
  expect(await plan(null, web)).toEqual([
    'error: The control plane cannot be asked: It is unavailable.',
  ]);
  expect(await plan(null, { ...web, name: 'db' })).toEqual([]);
  expect(asked).toHaveLength(1);
});

test('who may only look may plan', async () => {
  expect(await world(refused('permission_denied')).plan(null, web)).toEqual([]);
});

test('says nothing more once changes are being made', async () => {
  const { plan, judge, asked } = world(short('no room'));
  judge.applying();
  expect(await plan(null, web)).toEqual([]);
  expect(asked).toEqual([]);
});

test('shows where a few go, not a thousand', async () => {
  const { plan } = world(good);
  const shown = [];
  for (let i = 0; i < 30; i += 1) shown.push(...(await plan(null, { ...web, name: `web-${i}` })));
  expect(shown).toHaveLength(20);
});
