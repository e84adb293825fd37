/**
 * The control plane's API under load, beside the plainest way to do the same on the same machine:
 * acknowledged writes, a list of 100,000 machines, a change told to 1,000 watchers, and memory. The
 * clients send frames that were encoded before and leave answers as bytes (`grpc-load.ts`): on two
 * cores, what a client costs is taken from the server.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import {
  ListVirtualMachinesRequestSchema,
  ListVirtualMachinesResponseSchema,
} from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import {
  CreateProjectRequestSchema,
  CreateProjectResponseSchema,
  UpdateProjectRequestSchema,
  WatchProjectsRequestSchema,
} from '@limiquantix/proto/identity/v1/project_service_pb.js';
import { findEncoded } from '../../server/src/resource/encoded-fields.js';
import type { ApiTask } from './api-process.js';
import { connectGrpc, frameOf, type GrpcConnection } from './grpc-load.js';
import { print, timed } from './measure.js';

const machines = Number(process.env['MACHINES'] ?? 100_000);
const watchers = 1_000;
const watchersOfConnection = 50;
const pageSize = 1_000;
const mebibyte = 1024 * 1024;

const projects = '/limiquantix.identity.v1.ProjectService';
/** The path of the machines' service. */
export const vms = '/limiquantix.compute.v1.VirtualMachineService';

/** The API in its process. */
export interface Api {
  readonly connect: () => Promise<GrpcConnection>;
  /** To a server in the same process that answers every call at once with the same bytes. */
  readonly connectEcho: () => Promise<GrpcConnection>;
  readonly ask: (task: ApiTask) => Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Measures and prints. */
export async function benchServer(): Promise<void> {
  const api = await startApi();
  try {
    // What the compiler has not seen often is not what is measured.
    await writes(api, { clients: 8, count: 3_000, connect: api.connect });
    await benchWrites(api, { clients: 1, count: 1_000 });
    await benchWrites(api, { clients: 64, count: 10_000 });
    await benchFanOut(api);
    await benchMachines(api);
  } finally {
    await api.stop();
  }
}

/** Starts it. */
export async function startApi(): Promise<Api> {
  const flags = (process.env['API_PROCESS_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');
  const child: ChildProcess = fork(join(import.meta.dirname, 'api-process.ts'), {
    execArgv: [
      ...['--import', 'tsx', '--expose-gc', '--disable-warning=ExperimentalWarning'],
      ...flags,
    ],
  });
  const [hello] = (await once(child, 'message')) as [Record<string, string>];
  const { endpoint = '', echoEndpoint = '', token = '', caPem = '' } = hello;
  return {
    connect: () => connectGrpc({ endpoint, token, caPem }),
    connectEcho: () => connectGrpc({ endpoint: echoEndpoint, token, caPem }),
    async ask(task) {
      child.send(task);
      const [{ answer }] = (await once(child, 'message')) as [{ answer: number }];
      return answer;
    },
    async stop() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

interface Writing {
  readonly clients: number;
  readonly count: number;
  /** Makes the names of one round others than those of another. */
  readonly tag?: string;
}

/** Projects created by so many clients, each with a connection of its own; milliseconds. */
export async function writes(
  { ask }: Api,
  { clients, count, connect, tag = '' }: Writing & { readonly connect: Api['connect'] },
): Promise<{ readonly tookMs: number; readonly cpuMs: number }> {
  const all = await Promise.all(Array.from({ length: clients }, connect));
  const frames = Array.from({ length: count }, (_, i) =>
    frameOf(CreateProjectRequestSchema, {
      project: { name: `p-${clients}-${count}-${tag}${i}`, spec: {} },
    }),
  );
  await ask({ name: 'cpu' });
  const tookMs = await timed(() =>
    Promise.all(
      all.map(async (client) => {
        for (let frame = frames.pop(); frame !== undefined; frame = frames.pop()) {
          await client.call(`${projects}/CreateProject`, frame);
        }
      }),
    ),
  );
  const cpuMs = await ask({ name: 'cpu' });
  for (const client of all) client.close();
  return { tookMs, cpuMs };
}

/** Beside the store alone with the same transactions, and calls that do nothing. */
async function benchWrites(api: Api, { clients, count }: Writing): Promise<void> {
  const written = await writes(api, { clients, count, connect: api.connect });
  const echoed = await writes(api, { clients, count, connect: api.connectEcho });
  const floorMs = await api.ask({ name: 'commit', count, writers: clients });
  const perSecond = (ms: number): number => (count / ms) * 1_000;
  const each = (ms: number): number => (ms / count) * 1_000;
  const name = `server_writes_${clients}_clients`;
  const value = perSecond(written.tookMs);
  print({ name, value, unit: '1/s', floor: perSecond(floorMs) });
  print({ name: `${name}_to_echo`, value, unit: '1/s', floor: perSecond(echoed.tookMs) });
  const cpu = { value: each(written.cpuMs), floor: each(echoed.cpuMs) };
  print({ name: `${name}_cpu_to_echo`, unit: 'us', ...cpu });
}

/** How long after a write's answer the last of all watchers has it, beside one watcher alone. */
async function benchFanOut(api: Api): Promise<void> {
  const floor = await fanOut(api, { count: 1, name: 'watched-alone' });
  const value = await fanOut(api, { count: watchers, name: 'watched' });
  print({ name: `server_watch_${watchers}`, value, unit: 'ms', floor });
}

const fanOutRounds = 12;
/** The first ones also open the watches. */
const fanOutWarm = 2;

/** From a write until the last of so many watchers was told, in milliseconds, several times. */
export async function fanOut(
  { connect }: Api,
  { count, name }: { readonly count: number; readonly name: string },
): Promise<number[]> {
  const client = await connect();
  const create = frameOf(CreateProjectRequestSchema, { project: { name, spec: {} } });
  const answer = await client.call(`${projects}/CreateProject`, create);
  const { project } = fromBinary(CreateProjectResponseSchema, answer);
  const watching = await watch({ connect, count, fromRevision: project?.revision ?? 0n });
  const took: number[] = [];
  for (let i = 0; i < fanOutRounds; i += 1) {
    const description = `change ${count} ${String(i).padStart(4, '0')}`;
    const update = frameOf(UpdateProjectRequestSchema, {
      project: { id: project?.id ?? '', description },
      updateMask: { paths: ['description'] },
    });
    took.push(
      await timed(async () => {
        const all = watching.seen(description);
        await client.call(`${projects}/UpdateProject`, update);
        await all;
      }),
    );
  }
  watching.stop();
  client.close();
  return took.slice(fanOutWarm);
}

/** So many watches; `seen` resolves when each has been told of a description. */
async function watch(options: {
  readonly connect: Api['connect'];
  readonly count: number;
  readonly fromRevision: bigint;
}) {
  const { connect, count, fromRevision } = options;
  const frame = frameOf(WatchProjectsRequestSchema, { fromRevision });
  const connections: GrpcConnection[] = [];
  let wanted = Buffer.alloc(0);
  let left = 0;
  let done = (): void => undefined;
  for (let i = 0; i < count; i += 1) {
    if (i % watchersOfConnection === 0) connections.push(await connect());
    let tail: Buffer = Buffer.alloc(0);
    connections.at(-1)?.watch(`${projects}/WatchProjects`, frame, (piece) => {
      const bytes = tail.length === 0 ? piece : Buffer.concat([tail, piece]);
      const isIn = wanted.length > 0 && bytes.includes(wanted);
      // Words may be cut in two.
      tail = isIn || wanted.length === 0 ? Buffer.alloc(0) : bytes.subarray(-wanted.length);
      if (!isIn) return;
      left -= 1;
      if (left === 0) done();
    });
  }
  return {
    seen: (description: string) =>
      new Promise<void>((resolve) => {
        wanted = Buffer.from(description);
        left = count;
        done = resolve;
      }),
    stop: () => {
      for (const connection of connections) connection.close();
    },
  };
}

/** A list of all machines page by page, and what they cost in memory. */
async function benchMachines({ connect, ask }: Api): Promise<void> {
  const [before, liveBefore] = [await ask({ name: 'memory' }), await ask({ name: 'live' })];
  const recordBytes = await ask({ name: 'fill', count: machines, from: 0 });
  const [after, liveAfter] = [await ask({ name: 'memory' }), await ask({ name: 'live' })];
  const floorMs = await ask({ name: 'list' });
  const client = await connect();
  for (const orderBy of ['', 'name']) {
    const pages: Buffer[] = [];
    const tookMs = await timed(async () => {
      let pageToken = '';
      do {
        const request = frameOf(ListVirtualMachinesRequestSchema, { pageSize, pageToken, orderBy });
        const page = await client.call(`${vms}/ListVirtualMachines`, request);
        pages.push(page);
        pageToken = tokenIn(page);
      } while (pageToken !== '');
    });
    const count = pages.reduce((sum, page) => sum + decodePage(page).vms.length, 0);
    if (count !== machines) throw new Error(`the list has ${count} machines`);
    const name = `server_list_${machines}${orderBy === '' ? '' : `_by_${orderBy}`}`;
    print({ name, value: tookMs / 1_000, unit: 's', floor: floorMs / 1_000 });
  }
  client.close();
  const listed = await ask({ name: 'memory' });
  const records = machines * recordBytes;
  const figures = { unit: 'MiB', floor: records / mebibyte };
  print({ name: `server_memory_${machines}_vms`, value: after / mebibyte, ...figures });
  print({ name: 'server_memory_after_lists', value: listed / mebibyte, ...figures });
  const perMachine = (bytes: number): number => bytes / machines / 1024;
  const each = { unit: 'KiB', floor: recordBytes / 1024 };
  print({ name: 'server_memory_per_vm', value: perMachine(after - before), ...each });
  print({ name: 'server_memory_live_per_vm', value: perMachine(liveAfter - liveBefore), ...each });
}

/** Not by decoding the page: that would be the client's time. */
export function tokenIn(page: Buffer): string {
  const token = findEncoded(page, ListVirtualMachinesResponseSchema.field.nextPageToken.number);
  return token === undefined ? '' : Buffer.from(token).toString();
}

const decodePage = (page: Buffer) => fromBinary(ListVirtualMachinesResponseSchema, page);
