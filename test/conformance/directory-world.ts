/**
 * One node with the directory drivers on it, a few resources and a way to let it come to rest:
 * what the agent does, without a loop, so that a suite decides when a step fails.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { clone, create, type Message } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ImageFormat, ImagePhase, ImageSchema } from '@limiquantix/proto/storage/v1/image_pb.js';
import { StoragePoolSchema } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import { type Volume, VolumeSchema } from '@limiquantix/proto/storage/v1/volume_pb.js';
import { ImageCacheDriver } from '../../server/src/drivers/directory/image-cache.js';
import type { CachedImage } from '../../server/src/drivers/directory/image-plan.js';
import { DirectoryPoolDriver } from '../../server/src/drivers/directory/pool.js';
import { PoolRegister } from '../../server/src/drivers/directory/pool-register.js';
import { DirectoryVolumeDriver } from '../../server/src/drivers/directory/volume.js';
import type { Driver, Lookup } from '../../server/src/reconcile/driver.js';
import { VirtualClock } from '../../server/src/reconcile/virtual-clock.js';
import { mergeStatus } from '../../server/src/resource/merge-status.js';
import type { AnyResource, AnyStatus } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import type { DiskImages } from '../../server/src/wire/disk-image/api.js';
import { DiskImageError } from '../../server/src/wire/disk-image/errors.js';
import { encodeEmptyQcow2 } from '../../server/src/wire/disk-image/qcow2-header.js';

export const nodeId = '00000000-0000-7000-8000-00000000000a';
export const poolId = '00000000-0000-7000-8000-00000000000b';
export const imageId = '00000000-0000-7000-8000-00000000000c';
export const emptyId = '00000000-0000-7000-8000-00000000000d';
export const cloneId = '00000000-0000-7000-8000-00000000000e';
export const gib = 1024 ** 3;
export const imageContent = encodeEmptyQcow2({ virtualBytes: gib });

const stepsMax = 200;

/** What a suite can do to the node's surroundings. */
export interface Surroundings {
  /** Ids of volumes that a running machine has. */
  readonly inUse: Set<string>;
  /** Reads of the image, with the offset of each. */
  readonly reads: number[];
  /** What the control plane sends; replaced to send something else. */
  content: Uint8Array;
}

/** A node. */
export class DirectoryWorld implements Lookup {
  readonly clock = new VirtualClock();
  readonly surroundings: Surroundings = { inUse: new Set(), reads: [], content: imageContent };
  readonly poolPath: string;
  readonly disks: DiskImages;
  readonly errors: unknown[] = [];
  /** Whether `settle` ends with the first failure; otherwise what failed is tried again. */
  stopsAtError = false;
  readonly #resources = new Map<string, AnyResource>();
  #images: ImageCacheDriver;
  #drivers: ReadonlyMap<string, Driver>;
  #pokes = 0;

  constructor(disks: DiskImages, directory: string) {
    this.disks = disks;
    this.poolPath = join(directory, 'pool');
    [this.#drivers, this.#images] = this.#makeDrivers();
  }

  /** Forgets what the drivers have in memory, as a killed agent does. */
  async restart(): Promise<void> {
    await this.#images.stop();
    [this.#drivers, this.#images] = this.#makeDrivers();
  }

  addPool(id = poolId): void {
    this.put(
      'storage_pool',
      create(StoragePoolSchema, {
        id,
        name: 'local',
        spec: { backend: { case: 'directory', value: { path: this.poolPath } } },
      }),
    );
  }

  addImage(): void {
    const sha256 = createHash('sha256').update(imageContent).digest('hex');
    const sizeBytes = BigInt(imageContent.length);
    this.put(
      'image',
      create(ImageSchema, {
        id: imageId,
        name: 'debian',
        status: { phase: ImagePhase.READY, format: ImageFormat.QCOW2, sha256, sizeBytes },
      }),
    );
  }

  addVolume(id: string, sizeGib: bigint, fromImage = false): void {
    const source = { source: { case: 'imageId', value: imageId } } as const;
    this.put(
      'volume',
      create(VolumeSchema, {
        id,
        name: id.slice(-1),
        spec: { poolId, sizeGib, ...(fromImage ? { source } : {}) },
        status: { nodeId },
      }),
    );
  }

  /** Puts a changed copy of a volume in its place. */
  resizeVolume(id: string, sizeGib: bigint): void {
    const volume = clone(VolumeSchema, this.volume(id));
    if (volume.spec !== undefined) volume.spec.sizeGib = sizeGib;
    this.put('volume', volume);
  }

  requestDeletion(type: string, id: string): void {
    const resource = this.get(type, id);
    if (resource === undefined) throw new Error(`no ${type} ${id}`);
    resource.deletionRequestedAt = timestampFromMs(1);
  }

  put(type: string, resource: Message): void {
    this.#resources.set(`${type}/${(resource as AnyResource).id}`, resource as AnyResource);
  }

  volume(id: string): Volume {
    const volume = this.get<Volume>('volume', id);
    if (volume === undefined) throw new Error(`no volume ${id}`);
    return volume;
  }

  get<R extends AnyResource>(type: string, id: string): R | undefined {
    return this.#resources.get(`${type}/${id}`) as R | undefined;
  }

  list<R extends AnyResource>(type: string): readonly R[] {
    const names = [...this.#resources.keys()].filter((name) => name.startsWith(`${type}/`));
    return names.map((name) => this.#resources.get(name)) as unknown as R[];
  }

  referrers<R extends AnyResource>(type: string, id: string): readonly R[] {
    if (type !== 'volume') return [];
    return this.list<Volume>(type).filter(
      ({ spec }) => spec?.poolId === id || spec?.source?.source.value === id,
    ) as unknown as R[];
  }

  nowMs(): number {
    return this.clock.nowMs();
  }

  /**
   * Works on every resource until nothing changes. Errors are kept, and what failed is tried
   * again.
   */
  async settle(): Promise<void> {
    for (let step = 0, quiet = 0; quiet < 2; step += 1) {
      if (step === stepsMax) throw new Error('the node does not come to rest');
      this.clock.advance(1_000);
      const pokes = this.#pokes;
      const hasWorked = await this.#round();
      quiet = hasWorked || this.#pokes !== pokes ? 0 : quiet + 1;
    }
  }

  /** One look at every resource, with one pass over each; says whether anything was done. */
  async #round(): Promise<boolean> {
    let hasWorked = false;
    for (const [name, resource] of [...this.#resources]) {
      const type = name.split('/')[0] ?? '';
      try {
        hasWorked = (await this.#look(type, resource)) || hasWorked;
      } catch (error) {
        if (this.stopsAtError) throw error;
        this.errors.push(error);
        hasWorked = true;
      }
    }
    return hasWorked;
  }

  async #look(type: string, resource: AnyResource): Promise<boolean> {
    const driver = this.#drivers.get(type);
    if (driver === undefined) return false;
    if (resource.deletionRequestedAt !== undefined) {
      const removal = await driver.remove(resource, this);
      if (removal.gone) this.#resources.delete(`${type}/${resource.id}`);
      return removal.gone;
    }
    const observed = await driver.observe(resource, this);
    const { actions, status } = driver.diff(resource, observed, this);
    for (const action of actions) await driver.apply(resource, action, this);
    const known = contractTypes.get(type);
    const current = resource.status ?? (create(known.status) as AnyStatus);
    resource.status = mergeStatus(known, {
      current,
      observed: status as AnyStatus,
      nodeId,
      nowMs: this.nowMs(),
    });
    if (actions.length > 0) return true;
    if (type !== 'image') return false;
    // What goes on in the background ends by itself; give it the time that it takes.
    await new Promise((resolve) => setImmediate(resolve));
    return (observed as readonly CachedImage[]).some(({ transfer }) => transfer.kind === 'running');
  }

  #makeDrivers(): [ReadonlyMap<string, Driver>, ImageCacheDriver] {
    const { disks, surroundings } = this;
    const usage = {
      isInUse: (id: string) => surroundings.inUse.has(id),
      growOnline: async (id: string, sizeBytes: bigint) => {
        const path = join(this.poolPath, 'volumes', `${id}.qcow2`);
        await disks.resize({ path, format: 'qcow2', virtualBytes: Number(sizeBytes) });
      },
    };
    const poke = () => {
      this.#pokes += 1;
    };
    const source = {
      async *read(_id: string, offset: number) {
        surroundings.reads.push(offset);
        for (let at = offset; at < surroundings.content.length; at += 65_536) {
          yield surroundings.content.subarray(at, at + 65_536);
        }
      },
    };
    const directory = join(this.poolPath, '..', 'known-pools');
    const pools = new PoolRegister({ disks, directory, lookup: this });
    const common = { nodeId, disks, lookup: this, pools };
    const images = new ImageCacheDriver({ ...common, source, poke, clock: this.clock });
    const drivers = [
      new DirectoryPoolDriver(common),
      new DirectoryVolumeDriver({ ...common, usage }),
      images,
    ] as unknown as Driver[];
    return [new Map(drivers.map((driver) => [driver.type, driver])), images];
  }
}

/** When a step fails, and whether that is before or after it took effect. */
export interface Fault {
  readonly call: number;
  readonly when: 'before' | 'after';
}

const changingMethods: readonly (string | symbol)[] = [
  'ensureDirectory',
  'removeEmptyDirectory',
  'writeText',
  'create',
  'clone',
  'resize',
  'receive',
  'remove',
];

/** Disks of which one change fails; `calls` counts the changes. */
export function faulty(
  disks: DiskImages,
  fault: Fault,
): { disks: DiskImages; calls: () => number } {
  let calls = 0;
  const failure = () => new DiskImageError({ reason: 'IO_ERROR', message: 'a fault was injected' });
  const proxy = new Proxy(disks, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...given: unknown[]) => Promise<unknown>;
      if (!changingMethods.includes(name)) return method.bind(target);
      return async (...given: unknown[]) => {
        calls += 1;
        const fails = calls === fault.call;
        if (fails && fault.when === 'before') throw failure();
        const result = await method.apply(target, given);
        if (fails) throw failure();
        return result;
      };
    },
  });
  return { disks: proxy, calls: () => calls };
}
