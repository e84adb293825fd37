/**
 * What the control plane costs against the count of machines that it has: its start, memory, a list
 * of all, a list of a few by a filter, a write, and a change told to watchers. In processor time of
 * the server's own process where that can be told apart.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ListVirtualMachinesRequestSchema } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { frameOf } from './grpc-load.js';
import { print } from './measure.js';
import { type Api, fanOut, startApi, tokenIn, vms, writes } from './server.js';

const rounds = 5;
/** The first ones make code and caches, which later ones have. */
const warmRounds = 1;
const pageSize = 1_000;
const writeClients = 8;
const writesOfRound = 300;
const watchers = 200;

/** Measures and prints, for each count of machines. */
export async function benchVmCurve(counts: readonly number[]): Promise<void> {
  const sizes = [...counts].sort((a, b) => a - b);
  // Changes leave projects and audit events behind, which reads and memory must not have in them.
  await withApi(sizes, benchMemory);
  await withApi(sizes, benchReads);
  await withApi(sizes, benchChanges);
}

/** Measures with an API of its own that has more and more machines. */
async function withApi(
  sizes: readonly number[],
  measure: (api: Api, filled: Filled) => Promise<void>,
): Promise<void> {
  const api = await startApi();
  try {
    let filled = 0;
    for (const at of sizes) {
      const recordBytes = await api.ask({ name: 'fill', count: at - filled, from: filled });
      filled = at;
      await measure(api, { at, recordBytes });
    }
  } finally {
    await api.stop();
  }
}

interface Filled {
  readonly at: number;
  readonly recordBytes: number;
}

const mebibyte = 1024 * 1024;

async function benchMemory({ ask }: Api, { at, recordBytes }: Filled): Promise<void> {
  const value = (await ask({ name: 'live' })) / mebibyte;
  point('memory', at, { value, unit: 'MiB', floor: (at * recordBytes) / mebibyte });
}

async function benchReads(api: Api, { at }: Filled): Promise<void> {
  const { ask } = api;
  const cpu = async (work: () => Promise<unknown>): Promise<number[]> => {
    const all: number[] = [];
    for (let i = 0; i < warmRounds + rounds; i += 1) {
      await ask({ name: 'cpu' });
      await work();
      all.push(await ask({ name: 'cpu' }));
    }
    return all.slice(warmRounds);
  };
  const floor = await cpu(() => ask({ name: 'list' }));
  point('start_view', at, { value: await cpu(() => ask({ name: 'load' })), unit: 'ms', floor });
  const client = await api.connect();
  const list = async (init: MessageInitShape<typeof ListVirtualMachinesRequestSchema>) => {
    let pageToken = '';
    do {
      const request = frameOf(ListVirtualMachinesRequestSchema, { ...init, pageSize, pageToken });
      pageToken = tokenIn(await client.call(`${vms}/ListVirtualMachines`, request));
    } while (pageToken !== '');
  };
  point('list_all', at, { value: await cpu(() => list({})), unit: 'ms', floor });
  const filter = 'labels.app=app-7 AND spec.cpu.cores > 1';
  point('list_filtered', at, { value: await cpu(() => list({ filter })), unit: 'ms', floor });
  client.close();
}

async function benchChanges(api: Api, { at }: Filled): Promise<void> {
  const each = async (connect: Api['connect']): Promise<number[]> => {
    const all: number[] = [];
    for (let i = 0; i < warmRounds + rounds; i += 1) {
      const round = { clients: writeClients, count: writesOfRound, connect, tag: `${at}-${i}` };
      const { cpuMs } = await writes(api, round);
      all.push((cpuMs / writesOfRound) * 1_000);
    }
    return all.slice(warmRounds);
  };
  const value = await each(api.connect);
  point('write', at, { value, unit: 'us', floor: await each(api.connectEcho) });
  const told = await fanOut(api, { count: watchers, name: `watched-${at}` });
  const floor = await fanOut(api, { count: 1, name: `watched-alone-${at}` });
  point('watch', at, { value: told, unit: 'ms', floor });
}

function point(
  name: string,
  at: number,
  figures: {
    readonly value: number | number[];
    readonly unit: string;
    readonly floor: number | number[];
  },
): void {
  print({ name: `${name}_${at}_vms`, ...figures, curve: { name, at } });
}
