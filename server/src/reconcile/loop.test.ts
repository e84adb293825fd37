import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Volume,
  VolumeSchema,
  VolumeStatusSchema,
} from '@limiquantix/proto/storage/v1/volume_pb.js';
import type { Lookup } from '../resource/lookup.js';
import type { AnyResource } from '../resource/resource.js';
import { noSpan, type Tracing } from '../tracing.js';
import type { Driver, Removal } from './driver.js';
import { type Finding, Loop, type LoopOptions } from './loop.js';
import { VirtualClock } from './virtual-clock.js';

/** A world of numbers: the driver brings `world[id]` up to the volume's size, one at a time. */
function setup(
  over: Partial<Driver<Volume, number, 'grow'>> = {},
  more: Partial<LoopOptions> = {},
) {
  const resources = new Map<string, Volume>();
  const world = new Map<string, number>();
  const findings: Finding[] = [];
  const failures: unknown[] = [];
  const clock = new VirtualClock();
  const lookup: Lookup = {
    get: <R extends AnyResource>(_: string, id: string) => resources.get(id) as R | undefined,
    referrers: () => [],
    list: <R extends AnyResource>() => [...resources.values()] as unknown as R[],
    nowMs: () => clock.nowMs(),
  };
  const driver: Driver<Volume, number, 'grow'> = {
    type: 'volume',
    runsOn: 'node',
    observe: async (volume) => world.get(volume.id) ?? 0,
    diff: (volume, observed) => ({
      actions: observed < Number(volume.spec?.sizeGib ?? 0n) ? ['grow'] : [],
      status: create(VolumeStatusSchema, { sizeBytes: BigInt(observed) }),
    }),
    apply: async (volume) => {
      world.set(volume.id, (world.get(volume.id) ?? 0) + 1);
    },
    remove: async (volume): Promise<Removal> => {
      world.delete(volume.id);
      return { gone: true };
    },
    ...over,
  };
  const loop = new Loop({
    drivers: [driver as unknown as Driver],
    lookup,
    report: async (finding) => {
      findings.push(finding);
    },
    clock,
    random: () => 0.5,
    failures: { acted: () => undefined, failed: (_, error) => void failures.push(error) },
    ...more,
  });
  const put = (id: string, sizeGib: number, deleting = false): void => {
    const deletion = deleting ? { deletionRequestedAt: timestampFromMs(1) } : {};
    resources.set(
      id,
      create(VolumeSchema, { id, spec: { sizeGib: BigInt(sizeGib) }, ...deletion }),
    );
    loop.poke({ type: 'volume', id });
  };
  loop.start();
  return { loop, put, world, findings, failures, clock };
}

test('applies until nothing is left to do, then reports once', async () => {
  const { loop, put, world, findings } = setup();
  put('a', 3);
  await loop.idle();
  expect(world.get('a')).toBe(3);
  expect(findings).toMatchObject([{ kind: 'status', status: { sizeBytes: 3n } }]);
});

test('gives up after a bounded number of passes and goes on a little later', async () => {
  const { loop, put, world, clock } = setup();
  put('a', 40);
  await loop.idle();
  const after = world.get('a') ?? 0;
  expect(after).toBeLessThan(40);
  for (let i = 0; i < 4; i += 1) {
    clock.advance(250);
    await loop.idle();
  }
  expect(world.get('a')).toBe(40);
});

test('retries a failure with a growing wait, and forgets the failures after a success', async () => {
  let failing = 3;
  const { loop, put, findings, failures, clock } = setup({
    apply: async () => {
      failing -= 1;
      throw new Error('the backend is away');
    },
    diff: (_volume, _observed) => ({
      actions: failing > 0 ? ['grow'] : [],
      status: create(VolumeStatusSchema),
    }),
  });
  put('a', 1);
  await loop.idle();
  const waits: number[] = [];
  while (clock.nextDueMs !== undefined) {
    const waitMs = clock.nextDueMs - clock.nowMs();
    waits.push(waitMs);
    clock.advance(waitMs);
    await loop.idle();
  }
  expect(failures).toHaveLength(3);
  expect(waits).toEqual([100, 200, 400]);
  expect(findings.map((finding) => finding.kind)).toEqual(['error', 'error', 'error', 'status']);
});

test('a poke during work is not lost', async () => {
  let release = (): void => undefined;
  let observations = 0;
  const { loop, put, findings } = setup({
    observe: async () => {
      observations += 1;
      if (observations === 1) await new Promise<void>((resolve) => (release = resolve));
      return 99;
    },
  });
  put('a', 1);
  loop.poke({ type: 'volume', id: 'a' });
  loop.poke({ type: 'volume', id: 'a' });
  release();
  await loop.idle();
  expect(observations).toBe(2);
  expect(findings).toHaveLength(2);
});

test('removes what is being deleted, and asks again while something holds it up', async () => {
  let busy = true;
  const { loop, put, findings, clock } = setup({
    remove: async (): Promise<Removal> =>
      busy ? { gone: false, waitingFor: 'its machine' } : { gone: true },
  });
  put('a', 1, true);
  await loop.idle();
  expect(findings).toHaveLength(0);
  busy = false;
  clock.advance(1_000);
  await loop.idle();
  expect(findings).toMatchObject([{ kind: 'removed' }]);
});

test('forgets its timers when it stops', async () => {
  const { loop, put, clock } = setup({
    apply: async () => {
      throw new Error('no');
    },
  });
  put('a', 1);
  await loop.idle();
  await loop.stop();
  expect(clock.nextDueMs).toBeUndefined();
});

test('ends although the work under way asks for more', async () => {
  const gate = Promise.withResolvers<void>();
  const { loop, put } = setup({ observe: () => gate.promise.then(() => 9) });
  put('a', 1);
  const stopping = loop.stop();
  put('b', 1);
  gate.resolve();
  await stopping;
  await loop.idle();
});

test('a pass belongs to the trace of the change, which may become known just after it', async () => {
  const cause = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const done: string[] = [];
  let known = '';
  const tracing: Tracing = {
    isOn: true,
    enter: (work, run) => {
      done.push(`${work.name} ${work.facts?.['limiquantix.resource.id']} of ${work.cause}`);
      return run(noSpan);
    },
    within: (work, run) => {
      done.push(work.name);
      return run(noSpan);
    },
    current: () => '',
  };
  const { loop, put } = setup({}, { tracing, causeOf: () => known });
  put('a', 1);
  // As the view does, which tells of the audit event after the resource.
  known = cause;
  await loop.idle();
  put('a', 1, true);
  await loop.idle();
  const pass = `reconcile volume a of ${cause}`;
  expect(done).toEqual([pass, 'observe', 'apply grow', 'observe', pass, 'remove']);
});
