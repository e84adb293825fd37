import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import {
  type Volume,
  VolumePhase,
  VolumeSchema,
  VolumeStatusSchema,
} from '@limiquantix/proto/storage/v1/volume_pb.js';
import { LimiError } from '../resource/error.js';
import { ready } from '../resource/ready.js';
import type { AnyResource, AnyStatus } from '../resource/resource.js';
import { contractTypes } from '../resource/type-registry.js';
import { createReport } from './report.js';
import { VirtualClock } from './virtual-clock.js';

describe('createReport', () => {
  const volume = (fields: Partial<Volume> = {}): Volume =>
    Object.assign(create(VolumeSchema, { id: 'v', name: 'v', generation: 2n }), fields);

  /** A report over one stored resource, and what becomes of it. */
  function around(stored: AnyResource, finalize: 'gone' | 'in-use' = 'gone') {
    const clock = new VirtualClock(1_000);
    const seen: { status: AnyStatus | undefined; poked: number } = { status: undefined, poked: 0 };
    const report = createReport({
      types: contractTypes,
      clock,
      failures: { recovered: () => undefined },
      poke: () => {
        seen.poked += 1;
      },
      writer: {
        writeStatus: async (_key, mutate) => {
          seen.status = mutate(stored);
          return true;
        },
        finalize: async () => finalize,
      },
    });
    return { clock, report, seen };
  }

  it('writes what was decided and keeps what the node observed meanwhile', async () => {
    const status = create(VolumeStatusSchema, { provisioned: true, sizeBytes: 5n });
    const { report, seen } = around(volume({ status }));
    const decided = create(VolumeStatusSchema, {
      phase: VolumePhase.AVAILABLE,
      nodeId: 'n',
      conditions: ready(),
      sizeBytes: 1n,
    });
    await report({ kind: 'status', resource: volume(), status: decided });
    expect(seen.status).toMatchObject({
      phase: VolumePhase.AVAILABLE,
      nodeId: 'n',
      provisioned: true,
      sizeBytes: 5n,
    });
    expect(seen.status?.conditions[0]?.lastTransitionAt?.seconds).toBe(1n);
  });

  it('drops what was found for an older spec', async () => {
    const { report, seen } = around(volume({ generation: 3n }));
    const status = create(VolumeStatusSchema, { phase: VolumePhase.AVAILABLE });
    await report({ kind: 'status', resource: volume(), status });
    expect(seen.status).toBeUndefined();
  });

  it('makes a failure the condition Ready, and says when trying again is in vain', async () => {
    const { report, seen } = around(volume());
    const error = (code: Code) =>
      new LimiError({ code, reason: 'NO_SPACE', message: 'the pool is full' });
    const resource = volume();
    await report({ kind: 'error', resource, error: error(Code.Unavailable) });
    expect(seen.status?.conditions).toMatchObject([
      { type: 'Ready', status: ConditionStatus.FALSE, reason: 'NoSpace' },
    ]);
    await report({ kind: 'error', resource, error: error(Code.FailedPrecondition) });
    expect(seen.status).toMatchObject({
      observedGeneration: 2n,
      conditions: [{ status: ConditionStatus.FAILED, message: 'the pool is full' }],
    });
    await report({ kind: 'error', resource, error: new Error('/a/path') });
    expect(seen.status?.conditions[0]?.message).not.toContain('path');
  });

  it('looks again at a record that something still holds', async () => {
    const { report, seen, clock } = around(volume(), 'in-use');
    await report({ kind: 'removed', resource: volume() });
    clock.advance(10_000);
    expect(seen.poked).toBe(1);
  });
});
