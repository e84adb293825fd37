import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { DesiredSchema } from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { VolumeSchema } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { Replica } from './replica.js';
import { logFilesWith } from './test-log-files.js';

const volume = (id: string, name = 'data', description = '') => ({
  type: 'volume',
  resource: toBinary(VolumeSchema, create(VolumeSchema, { id, name, description })),
});
const readId = (_type: string, bytes: Uint8Array): string => fromBinary(VolumeSchema, bytes).id;
const idsOf = (replica: Replica): string[] => replica.entries().map(({ key }) => key.id);

describe('Replica', () => {
  let directory = '';
  const path = (): string => join(directory, 'desired.log');
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lqx-replica-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const opened = () => Replica.open(directory, readId);
  const snapshot = (...ids: string[]) =>
    create(DesiredSchema, { snapshot: true, upserts: ids.map((id) => volume(id)) });
  const change = (upserts: string[], removals: string[]) =>
    create(DesiredSchema, {
      upserts: upserts.map((id) => volume(id)),
      removals: removals.map((id) => ({ type: 'volume', id })),
    });

  it('knows nothing before the first snapshot, and refuses a change', async () => {
    const replica = await opened();
    expect(replica.isKnown).toBe(false);
    await expect(replica.apply(change(['a'], []))).rejects.toThrow('before the first snapshot');
  });

  it('has after a restart what it was told, and says what left', async () => {
    const first = await opened();
    await first.apply(snapshot('a', 'b'));
    expect(await first.apply(change(['c'], ['a']))).toEqual([{ type: 'volume', id: 'a' }]);
    await first.close();
    const second = await opened();
    expect(second.isKnown).toBe(true);
    expect(idsOf(second)).toEqual(['b', 'c']);
    expect(await second.apply(snapshot())).toHaveLength(2);
    await second.close();
    const third = await opened();
    expect(third.isKnown).toBe(true);
    expect(idsOf(third)).toEqual([]);
    await third.close();
  });

  it('drops a record that a crash cut short, and goes on', async () => {
    const first = await opened();
    await first.apply(snapshot('a'));
    const { size } = await stat(path());
    await first.apply(change(['b'], []));
    await first.close();
    await truncate(path(), size + 11);
    const second = await opened();
    expect(idsOf(second)).toEqual(['a']);
    await second.apply(change(['c'], []));
    await second.close();
    const third = await opened();
    expect(idsOf(third)).toEqual(['a', 'c']);
    await third.close();
  });

  it('does not believe a record whose bytes were damaged', async () => {
    const first = await opened();
    await first.apply(snapshot('a'));
    await first.apply(change(['b'], []));
    await first.close();
    const content = await readFile(path());
    content[content.length - 1] = (content.at(-1) ?? 0) ^ 0xff;
    await writeFile(path(), content);
    const second = await opened();
    expect(idsOf(second)).toEqual(['a']);
    await second.close();
  });

  it('says what left also where the disk refused to take that the first time', async () => {
    const first = await opened();
    await first.apply(snapshot('a', 'b'));
    await first.close();
    let isBroken = true;
    const files = logFilesWith(({ sync }) => ({
      sync: () => (isBroken ? Promise.reject(new Error('EIO')) : sync()),
    }));
    const replica = await Replica.open(directory, readId, files);
    await expect(replica.apply(change(['c'], ['a']))).rejects.toThrow('EIO');
    await expect(replica.apply(snapshot('b'))).rejects.toThrow('EIO');
    expect(idsOf(replica)).toEqual(['a', 'b']);
    isBroken = false;
    expect(await replica.apply(snapshot('b'))).toEqual([{ type: 'volume', id: 'a' }]);
    await replica.close();
  });

  it('takes a change again that the disk broke off, and keeps what came after it', async () => {
    const first = await opened();
    await first.apply(snapshot('a'));
    await first.close();
    let isBroken = true;
    const files = logFilesWith(({ append }) => ({
      async append(bytes) {
        await append(isBroken ? bytes.subarray(0, 11) : bytes);
        if (isBroken) throw new Error('ENOSPC');
      },
    }));
    const replica = await Replica.open(directory, readId, files);
    await expect(replica.apply(change(['b'], []))).rejects.toThrow('ENOSPC');
    isBroken = false;
    await replica.apply(change(['b'], []));
    await replica.apply(change(['c'], ['a']));
    await replica.close();
    const second = await opened();
    expect(idsOf(second)).toEqual(['b', 'c']);
    await second.close();
  });

  it('keeps the file short and readable by its owner only', async () => {
    const replica = await opened();
    await replica.apply(snapshot());
    const bulky = create(DesiredSchema, { upserts: [volume('a', 'x', 'd'.repeat(400_000))] });
    for (let round = 0; round < 12; round += 1) await replica.apply(bulky);
    const { size, mode } = await stat(path());
    expect(size).toBeLessThan(2_200_000);
    expect(mode & 0o777).toBe(0o600);
    await replica.close();
  });
});
