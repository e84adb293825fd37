/** Lists that are read page by page, and what their pages cost. */
import { ProjectService } from '@limiquantix/proto/identity/v1/project_service_pb.js';
import { SecurityGroupService } from '@limiquantix/proto/network/v1/security_group_service_pb.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { Snapshots } from './snapshots.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';
import { watchResources } from './watch-resources.js';

let installation: TestInstallation;
const clock = new VirtualClock(Date.UTC(2026, 0, 1));
const names = Array.from({ length: 30 }, (_, i) => `p${String(i).padStart(2, '0')}`);

beforeAll(async () => {
  installation = await startTestInstallation({ clock });
  const projects = installation.client(ProjectService);
  for (const name of names) await projects.createProject({ project: { name, spec: {} } });
}, 30_000);
afterAll(() => installation.stop());

/** Reads a list with a change between any two pages; returns its names and how often all was read. */
async function readAll(pageSize: number, betweenPages: () => void = () => undefined) {
  const projects = installation.client(ProjectService);
  const { store } = installation.context;
  const list = store.list.bind(store);
  let reads = 0;
  store.list = (options) => {
    reads += 1;
    return list(options);
  };
  const seen: string[] = [];
  const revisions = new Set<bigint>();
  let pageToken = '';
  do {
    const page = await projects.listProjects({ pageSize, pageToken, orderBy: 'name desc' });
    seen.push(...page.projects.map(({ name }) => name));
    revisions.add(page.revision);
    pageToken = page.nextPageToken;
    const [id = ''] = page.projects.map((project) => project.id);
    const project = { id, description: String(seen.length + reads) };
    await projects.updateProject({ project, updateMask: { paths: ['description'] } });
    betweenPages();
  } while (pageToken !== '');
  store.list = list;
  return { seen, reads, revisions: revisions.size };
}

it('reads no more than a page for a later page, while others write', async () => {
  const expected = { seen: [...names].reverse().concat('default'), reads: 0, revisions: 1 };
  expect(await readAll(4)).toEqual(expected);
});

it('goes on at its revision when it was forgotten meanwhile', async () => {
  const { seen, reads, revisions } = await readAll(10, () => clock.advance(600_000));
  expect(seen).toEqual([...names].reverse().concat('default'));
  expect(revisions).toBe(1);
  expect(reads).toBeGreaterThan(0);
});

it('ends a page before it is too long for a message', async () => {
  const { context } = installation;
  const groups = installation.client(SecurityGroupService);
  const description = 'x'.repeat(255);
  const rule = { direction: 1, action: 1, description } as const;
  const rules = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`r${i}`, rule]));
  for (let i = 0; i < 100; i += 1) {
    await groups.createSecurityGroup({ securityGroup: { name: `g${i}`, spec: { rules } } });
  }
  await context.view.settled(await context.store.revision());
  let pageToken = '';
  const pages: number[] = [];
  do {
    const page = await groups.listSecurityGroups({ pageSize: 1000, pageToken });
    pages.push(page.securityGroups.length);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  // Each has about 54 kB, and a page 3.5 MiB at most.
  expect(pages[0]).toBeLessThanOrEqual(72);
  expect(pages.reduce((sum, count) => sum + count)).toBe(100);
}, 60_000);

it('leaves no timer of a list behind when its server ends', async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const ended = await startTestInstallation({ clock });
  await ended.client(ProjectService).createProject({ project: { name: 'one', spec: {} } });
  const page = await ended.client(ProjectService).listProjects({ pageSize: 1 });
  expect(page.nextPageToken).not.toBe('');
  await ended.stop();
  expect(clock.nextDueMs).toBeUndefined();
});

describe('kept lists', () => {
  const resources = (count: number) => Array.from({ length: count }, () => ({}) as never);

  it('are as many as the bound allows, those that were asked for last', () => {
    const snapshots = new Snapshots(new VirtualClock());
    for (let i = 0; i < 64; i += 1) {
      snapshots.keep(`list ${i}`, { records: resources(1), revision: BigInt(i) });
    }
    expect(snapshots.find('list 0')?.revision).toBe(0n);
    snapshots.keep('one more', { records: [], revision: 0n });
    expect(snapshots.find('list 1')).toBeUndefined();
    expect(snapshots.find('list 0')).toBeDefined();
    snapshots.keep('a long one', { records: resources(999_990), revision: 0n });
    expect(snapshots.find('list 2')).toBeUndefined();
    expect(snapshots.find('a long one')).toBeDefined();
  });

  it('go when nobody asks for them, and leave no timer', () => {
    const clockOfIts = new VirtualClock();
    const snapshots = new Snapshots(clockOfIts);
    snapshots.keep('list', { records: resources(1), revision: 1n });
    clockOfIts.advance(50_000);
    expect(snapshots.find('list')).toBeDefined();
    clockOfIts.advance(60_000);
    expect(snapshots.find('list')).toBeDefined();
    clockOfIts.advance(200_000);
    expect(snapshots.find('list')).toBeUndefined();
    expect(clockOfIts.nextDueMs).toBeUndefined();
  });
});

it('tells a quiet watch now and then how far it is', async () => {
  const { context } = installation;
  const type = context.types.get('project');
  const stop = new AbortController();
  const fromRevision = await context.store.revision();
  const { signal } = stop;
  const accessNow = () => context.access;
  const request = { type, fromRevision, filter: '', projectId: '', signal, accessNow };
  const { events } = watchResources(context, request);
  expect((await events.next()).value).toMatchObject({ record: undefined });
  const next = events.next();
  await context.store.commit({
    require: [],
    writes: [{ kind: 'put', key: 'elsewhere', value: new Uint8Array(1) }],
  });
  for (let minutes = 0; minutes < 2; minutes += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(61_000);
  }
  const revision = fromRevision + 1n;
  expect((await next).value).toMatchObject({ record: undefined, revision });
  stop.abort();
  await events.return();
});
