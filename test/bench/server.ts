/**
 * The control plane's API under load, beside the plainest way to do the same on the same machine:
 * acknowledged writes, a list of 100,000 machines, a change told to 1,000 watchers, and memory.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import {
  ProjectService,
  type WatchProjectsResponse,
} from '@limiquantix/proto/identity/v1/project_service_pb.js';
import type { ApiTask } from './api-process.js';
import { median, print, timed } from './measure.js';

const machines = Number(process.env['MACHINES'] ?? 100_000);
const watchers = 1_000;
const watchersOfConnection = 50;
const pageSize = 1_000;
const mebibyte = 1024 * 1024;

interface Api {
  readonly transport: () => Transport;
  readonly ask: (task: ApiTask) => Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Measures and prints. */
export async function benchServer(): Promise<void> {
  const api = await start();
  try {
    await benchWrites(api, { clients: 1, count: 500 });
    await benchWrites(api, { clients: 64, count: 6_000 });
    await benchFanOut(api);
    await benchMachines(api);
  } finally {
    await api.stop();
  }
}

async function start(): Promise<Api> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'api-process.ts'), {
    execArgv: ['--import', 'tsx', '--expose-gc', '--disable-warning=ExperimentalWarning'],
  });
  const [{ endpoint, token, caPem }] = (await once(child, 'message')) as [Record<string, string>];
  const authorize: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
  return {
    transport: () =>
      createGrpcTransport({
        baseUrl: endpoint ?? '',
        interceptors: [authorize],
        nodeOptions: { ca: caPem },
      }),
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

/** Projects created by so many clients, each with a connection of its own. */
async function benchWrites(
  { transport, ask }: Api,
  { clients, count }: { readonly clients: number; readonly count: number },
): Promise<void> {
  const all = Array.from({ length: clients }, () => createClient(ProjectService, transport()));
  await Promise.all(all.map((client) => client.listProjects({ pageSize: 1 })));
  let made = 0;
  const tookMs = await timed(() =>
    Promise.all(
      all.map(async (client) => {
        while (made < count) {
          made += 1;
          const name = `p-${clients}-${made}`;
          await client.createProject({ project: { name, spec: {} } });
        }
      }),
    ),
  );
  const floorMs = await ask({ name: 'commit', count, writers: clients });
  const perSecond = (ms: number): number => (count / ms) * 1_000;
  const name = `server_writes_${clients}_clients`;
  print({ name, value: perSecond(tookMs), unit: '1/s', floor: perSecond(floorMs) });
}

/** How long after a write's answer the last of all watchers has it, beside one watcher alone. */
async function benchFanOut({ transport }: Api): Promise<void> {
  const client = createClient(ProjectService, transport());
  const { project } = await client.createProject({ project: { name: 'watched', spec: {} } });
  const { revision: fromRevision } = await client.listProjects({ pageSize: 1 });
  const measure = async (count: number): Promise<number> => {
    const stop = new AbortController();
    const streams: AsyncIterator<WatchProjectsResponse>[] = [];
    for (let i = 0; i < count; i += watchersOfConnection) {
      const connection = createClient(ProjectService, transport());
      const some = Math.min(watchersOfConnection, count - i);
      const options = { signal: stop.signal };
      for (let k = 0; k < some; k += 1) {
        const stream = connection.watchProjects({ fromRevision }, options);
        streams.push(stream[Symbol.asyncIterator]());
      }
    }
    const seen = async (description: string): Promise<unknown> =>
      Promise.all(
        streams.map(async (stream) => {
          for (;;) {
            const { value, done } = await stream.next();
            if (done === true || value.project?.description === description) return;
          }
        }),
      );
    const write = (description: string): Promise<unknown> =>
      client.updateProject({
        project: { id: project?.id ?? '', description },
        updateMask: { paths: ['description'] },
      });
    const took: number[] = [];
    for (let i = 0; i < 12; i += 1) {
      const description = `${count} ${i}`;
      const all = seen(description);
      took.push(await timed(() => write(description).then(() => all)));
    }
    stop.abort();
    // The first ones also open the watches.
    return median(took.slice(2));
  };
  const floor = await measure(1);
  print({ name: `server_watch_${watchers}`, value: await measure(watchers), unit: 'ms', floor });
}

/** A list of all machines page by page, and what they cost in memory. */
async function benchMachines({ transport, ask }: Api): Promise<void> {
  const before = await ask({ name: 'memory' });
  const recordBytes = await ask({ name: 'fill', count: machines });
  const after = await ask({ name: 'memory' });
  const floorMs = await ask({ name: 'list' });
  const client = createClient(VirtualMachineService, transport());
  for (const orderBy of ['', 'name']) {
    let count = 0;
    const tookMs = await timed(async () => {
      let pageToken = '';
      do {
        const page = await client.listVirtualMachines({ pageSize, pageToken, orderBy });
        count += page.vms.length;
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
    });
    if (count !== machines) throw new Error(`the list has ${count} machines`);
    const name = `server_list_${machines}${orderBy === '' ? '' : `_by_${orderBy}`}`;
    print({ name, value: tookMs / 1_000, unit: 's', floor: floorMs / 1_000 });
  }
  const listed = await ask({ name: 'memory' });
  const records = machines * recordBytes;
  const figures = { unit: 'MiB', floor: records / mebibyte };
  print({ name: `server_memory_${machines}_vms`, value: after / mebibyte, ...figures });
  print({ name: 'server_memory_after_lists', value: listed / mebibyte, ...figures });
  const perMachine = (after - before) / machines / 1024;
  const floor = recordBytes / 1024;
  print({ name: 'server_memory_per_vm', value: perMachine, unit: 'KiB', floor });
}
