/**
 * From a chunk to an image that is ready: uploads by annotation, the library and the image's
 * driver.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import {
  type Image,
  ImageFormat,
  ImagePhase,
  ImageSchema,
  type ImageSpecSchema,
} from '@limiquantix/proto/storage/v1/image_pb.js';
import { LibraryImageDriver } from '../drivers/library/image.js';
import { Downloader } from '../library/download.js';
import { imageUploads } from '../library/image-content.js';
import { Library } from '../library/library.js';
import type { Lookup } from '../reconcile/driver.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import type { ResourceKey } from '../resource/resource.js';
import { contractTypes } from '../resource/type-registry.js';
import { encodeEmptyQcow2 } from '../wire/disk-image/qcow2-header.js';
import { Uploads } from './uploads.js';

const id = '00000000-0000-7000-8000-000000000001';
const nodeId = '00000000-0000-7000-8000-000000000002';
const content = encodeEmptyQcow2({ virtualBytes: 1024 ** 3 });
const sha256 = createHash('sha256').update(content).digest('hex');
const key = { type: 'image', id };

let directory: string;
let clock: VirtualClock;
let library: Library;
let driver: LibraryImageDriver;
let uploads: Uploads;
let image: Image;
let isThere: boolean;
let pokes: ResourceKey[];
let onPoke: () => void;
let removed: Set<string>;
let served: (url: string) => Response;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'limiquantix-uploads-'));
  clock = new VirtualClock();
  pokes = [];
  removed = new Set();
  isThere = true;
  onPoke = () => undefined;
  const poke = (poked: ResourceKey) => {
    pokes.push(poked);
    onPoke();
  };
  const fetch = async (url: unknown) => served(String(url));
  const downloader = new Downloader({ clock, fetch: fetch as typeof globalThis.fetch });
  library = await Library.open({ directory, downloader });
  const links = { isRemoved: (node: string) => removed.has(node) };
  driver = new LibraryImageDriver({ library, links, clock, poke });
  uploads = new Uploads({
    types: contractTypes,
    sinks: new Map([['image', imageUploads(library)]]),
    resourceOf: () => (isThere ? image : undefined),
    poke,
  });
  image = imageOf({
    source: {
      case: 'upload',
      value: { file: 'a.qcow2', sizeBytes: BigInt(content.length), sha256 },
    },
  });
});
afterEach(async () => {
  await driver.stop();
  await library.close();
  rmSync(directory, { recursive: true });
});

type Source = NonNullable<MessageInitShape<typeof ImageSpecSchema>['source']>['source'];

function imageOf({ source }: { source: NonNullable<Source> }): Image {
  return create(ImageSchema, { id, name: 'debian', generation: 1n, spec: { source: { source } } });
}

/** Passes in one go: more of them come to no end. */
const passesMax = 20;

/** Lets the driver work until it has nothing to do at once, transfers included; keeps the status. */
async function settle(): Promise<Image['status']> {
  const lookup = { nowMs: () => clock.nowMs() } as Lookup;
  for (let pass = 0; pass < passesMax; pass += 1) {
    // What ends while the driver looks isn't missed: it is waited for from before that.
    const ended = new Promise<void>((resolve) => {
      onPoke = resolve;
    });
    const observed = await driver.observe(image).catch(() => undefined);
    if (observed === undefined) continue;
    const { actions, status } = driver.diff(image, observed, lookup);
    image.status = status;
    for (const action of actions) await driver.apply(image, action);
    const isRunning = actions.length > 0 || observed.transfer.kind === 'running';
    if (!isRunning) return image.status;
    await ended;
  }
  throw new Error(`nothing came to rest in ${passesMax} passes`);
}

const send = (offset: number, endBytes: number, bytes = content) =>
  uploads.writeChunk({ ...key, offset: BigInt(offset), data: bytes.subarray(offset, endBytes) });

test('an image waits for its upload, and is ready when that is complete', async () => {
  expect(await settle()).toMatchObject({
    phase: ImagePhase.WAITING_FOR_UPLOAD,
    conditions: [{ status: ConditionStatus.FALSE, reason: 'UploadIncomplete' }],
  });
  const sizeBytes = BigInt(content.length);
  const nothing = { receivedBytes: 0n, sizeBytes, complete: false };
  expect(await uploads.getUpload(key)).toEqual(nothing);
  await send(0, 100_000);
  expect(pokes).toEqual([key]);
  expect(await settle()).toMatchObject({ receivedBytes: 100_000n });
  expect(await send(100_000, content.length)).toEqual({ receivedBytes: sizeBytes, complete: true });
  expect(pokes).toEqual([key, key]);
  expect(await uploads.getUpload(key)).toEqual({
    ...nothing,
    receivedBytes: sizeBytes,
    complete: true,
  });
  expect(await settle()).toMatchObject({
    observedGeneration: 1n,
    phase: ImagePhase.READY,
    conditions: [{ status: ConditionStatus.TRUE }],
    sizeBytes,
    virtualSizeBytes: BigInt(1024 ** 3),
    format: ImageFormat.QCOW2,
    sha256,
  });
});

test('content with another checksum fails the image until new content arrives', async () => {
  const other = Uint8Array.from(content);
  other[content.length - 1] = 1;
  await expect(send(0, other.length, other)).rejects.toMatchObject({ reason: 'CHECKSUM_MISMATCH' });
  expect(readdirSync(directory)).toEqual([]);
  const failed = {
    phase: ImagePhase.FAILED,
    conditions: [{ status: ConditionStatus.FAILED, reason: 'ChecksumMismatch' }],
  };
  expect(await settle()).toMatchObject(failed);
  const reopened = await Library.open({ directory, downloader: new Downloader({ clock }) });
  const links = { isRemoved: () => false };
  driver = new LibraryImageDriver({ library: reopened, links, clock, poke: () => undefined });
  expect(await settle()).toMatchObject(failed);
  await send(0, content.length);
  expect(await settle()).toMatchObject({ phase: ImagePhase.READY });
});

test('an image whose content vanished asks for it again', async () => {
  await send(0, content.length);
  await settle();
  rmSync(join(directory, id));
  const gone = { phase: ImagePhase.WAITING_FOR_UPLOAD, conditions: [{ reason: 'ContentGone' }] };
  expect(await settle()).toMatchObject(gone);
  expect(await settle()).toMatchObject(gone);
  await send(0, content.length);
  expect(await settle()).toMatchObject({ phase: ImagePhase.READY });
});

test('an image of a URL is fetched, and what is final ends it', async () => {
  image = imageOf({ source: { case: 'url', value: { url: 'https://images.example/a', sha256 } } });
  served = () => new Response(content);
  expect(await settle()).toMatchObject({ phase: ImagePhase.READY, sha256 });
  expect(pokes).toEqual([key]);
  await expect(uploads.getUpload(key)).rejects.toMatchObject({ reason: 'NOT_UPLOADED' });
  await library.remove(id);
  served = () => new Response('not here', { status: 404 });
  const failed = { phase: ImagePhase.FAILED, conditions: [{ reason: 'DownloadRefused' }] };
  expect(await settle()).toMatchObject(failed);
  served = () => new Response(content);
  expect(await settle()).toMatchObject(failed);
});

test('a fetch that fails is tried again a bounded number of times', async () => {
  image = imageOf({ source: { case: 'url', value: { url: 'https://images.example/a', sha256 } } });
  let asked = 0;
  served = () => {
    asked += 1;
    return new Response('later', { status: 503 });
  };
  expect(await settle()).toMatchObject({ phase: ImagePhase.DOWNLOADING });
  for (let round = 0; round < 20; round += 1) {
    clock.advance(60_000);
    await settle();
  }
  expect(asked).toBe(8);
  expect(image.status).toMatchObject({ phase: ImagePhase.FAILED });
});

test('an image goes with its content, after the nodes have removed theirs', async () => {
  await send(0, content.length);
  await settle();
  image.deletionRequestedAt = timestampFromMs(1);
  await expect(send(0, 10)).rejects.toMatchObject({ reason: 'DELETION_REQUESTED' });
  if (image.status !== undefined) {
    image.status.nodes = {
      [nodeId]: {
        $typeName: 'limiquantix.storage.v1.ImageNodeStatus',
        ready: true,
        receivedBytes: 1n,
        message: '',
      },
    };
  }
  expect(await driver.remove(image)).toMatchObject({ gone: false });
  removed.add(nodeId);
  expect(await driver.remove(image)).toEqual({ gone: true });
  expect(await driver.remove(image)).toEqual({ gone: true });
  expect(readdirSync(directory)).toEqual([]);
  isThere = false;
  await expect(send(0, 10)).rejects.toMatchObject({ reason: 'NOT_FOUND' });
  await expect(uploads.getUpload({ type: 'vm', id })).rejects.toMatchObject({
    reason: 'NO_UPLOADS',
  });
});
