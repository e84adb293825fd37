/**
 * The API in a process of its own for benchmarks: store, view and listener, without reconcilers.
 * Says over IPC where it listens, and does there what only its own process can: fill the store,
 * measure its memory, and the floors that the API's figures are compared with.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { ProjectSchema } from '@limiquantix/proto/identity/v1/project_pb.js';
import { auditPlan } from '../../server/src/api/audit.js';
import { planCreation } from '../../server/src/api/create-resource.js';
import { newHeader } from '../../server/src/api/header.js';
import { startTestInstallation } from '../../server/src/api/test-installation.js';
import { systemClock } from '../../server/src/bin/effects.js';
import { Capacity } from '../../server/src/decide/capacity.js';
import { claimsOf } from '../../server/src/decide/claims.js';
import { typePrefix } from '../../server/src/resource/keys.js';
import { recordWrites } from '../../server/src/resource/record.js';
import { openSqliteStore } from '../../server/src/store/sqlite.js';
import type { Transaction } from '../../server/src/store/store.js';
import { View } from '../../server/src/view/view.js';
import { machine } from './machine.js';
import { cpuMs } from './measure.js';

/** What the process can be asked to do; each answers with a number. */
export type ApiTask =
  /** Stores so many machines more, after the first ones; answers with the bytes of one record. */
  | { readonly name: 'fill'; readonly count: number; readonly from: number }
  /** Answers with the bytes that the process has after a collection of garbage. */
  | { readonly name: 'memory' }
  /** The same without what the process has and doesn't use. */
  | { readonly name: 'live' }
  /** Answers with the milliseconds that reading all machines from the store takes. */
  | { readonly name: 'list' }
  /** Makes a view of all that is stored, as a server does at its start; milliseconds. */
  | { readonly name: 'load' }
  /** Answers with the milliseconds of processor time since it was asked last. */
  | { readonly name: 'cpu' }
  /** Commits so many transactions like those of a creation, by so many writers; milliseconds. */
  | { readonly name: 'commit'; readonly count: number; readonly writers: number };

const fillCommitMax = 500;
const storePage = 1000;

const installation = await startTestInstallation({ clock: systemClock });
const { context, endpoint, token, authority } = installation;
const type = context.types.get('vm');

async function fill(count: number, from: number): Promise<number> {
  let bytes = 0;
  for (let begin = 0; begin < count; begin += fillCommitMax) {
    const some = Array.from({ length: Math.min(fillCommitMax, count - begin) }, (_, i) =>
      recordWrites(type, machine(context.newId(), from + begin + i)),
    );
    const [first] = some[0] ?? [];
    if (first?.kind === 'put') bytes = first.value.length;
    await context.store.commit({ require: [], writes: some.flat() });
  }
  await context.view.settled(await context.store.revision());
  return bytes;
}

async function memory(which: 'memory' | 'live'): Promise<number> {
  for (let i = 0; i < 3; i += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return which === 'memory' ? rss : heapUsed + external;
}

async function list(): Promise<number> {
  const begin = performance.now();
  let from: string | undefined;
  do {
    const page = await context.store.list({ prefix: typePrefix('vm'), limit: storePage, from });
    from = page.next;
  } while (from !== undefined);
  return performance.now() - begin;
}

async function load(): Promise<number> {
  const { store, types, clock } = context;
  const onFailure = (error: unknown): never => {
    throw error;
  };
  const view = new View({ store, types, clock, onFailure, claimsOf });
  const capacity = new Capacity();
  view.onChange((change) => capacity.changed(change));
  const begin = performance.now();
  await view.start();
  const tookMs = performance.now() - begin;
  await view.stop();
  return tookMs;
}

const floorAuthor = {
  actor: 'user:bench',
  method: 'CreateProject',
  permission: 'project.create',
  requestId: '',
  source: '127.0.0.1',
  traceparent: '',
};

/** What the API commits for the creation of a project. */
function creation(name: string): Transaction {
  const { newId, nowMs, types } = context;
  const createdBy = floorAuthor.actor;
  const project = types.get('project');
  const sources = { newId, nowMs: nowMs(), createdBy };
  const next = newHeader(project, create(ProjectSchema, { name, spec: {} }), sources);
  const { plan } = planCreation(context, { type: project, next, createdBy });
  auditPlan({ ...context, author: floorAuthor }, plan);
  return plan.transaction();
}

/** On a store of its own, on the same disk; the transactions are made before. */
async function commit(count: number, writers: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'limiquantix-floor-'));
  const store = openSqliteStore({ path: join(folder, 'store.db'), nowMs: Date.now });
  const transactions = Array.from({ length: count }, (_, i) => creation(`floor-${i}`));
  const begin = performance.now();
  const write = async (): Promise<void> => {
    for (let next = transactions.pop(); next !== undefined; next = transactions.pop()) {
      await store.commit(next);
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  const tookMs = performance.now() - begin;
  await store.close();
  rmSync(folder, { recursive: true });
  return tookMs;
}

/** Answers every call with the same bytes: what Node's HTTP/2 and TLS cost without a server. */
async function startEcho(): Promise<string> {
  const { keyPem, certificatePem } = await authority.serverPair([]);
  const server = createSecureServer({ key: keyPem, cert: certificatePem });
  const answer = Buffer.alloc(300);
  answer.writeUInt32BE(answer.length - 5, 1);
  server.on('stream', (stream) => {
    stream.resume();
    stream.on('end', () => {
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return `https://127.0.0.1:${port}`;
}

let cpuBeforeMs = 0;

/** Processor time since the last call. */
function cpu(): number {
  const nowMs = cpuMs();
  const sinceMs = nowMs - cpuBeforeMs;
  cpuBeforeMs = nowMs;
  return sinceMs;
}

async function perform(task: ApiTask): Promise<number> {
  if (task.name === 'fill') return fill(task.count, task.from);
  if (task.name === 'memory' || task.name === 'live') return memory(task.name);
  if (task.name === 'list') return list();
  if (task.name === 'load') return load();
  if (task.name === 'cpu') return cpu();
  return commit(task.count, task.writers);
}

process.on('message', (task: ApiTask) => {
  void perform(task).then((answer) => process.send?.({ answer }));
});
process.on('disconnect', () => void installation.stop().then(() => process.exit()));
const echoEndpoint = await startEcho();
process.send?.({ endpoint, echoEndpoint, token, caPem: authority.certificatePem });
