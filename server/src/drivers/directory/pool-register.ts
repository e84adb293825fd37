/**
 * Where this node has made pools, kept in files of the agent's: a pool whose record is gone, by
 * force or with a store that was restored, is found again by it. A line is written before anything
 * is made in a pool's directory, and goes with the directory.
 */
import { join } from 'node:path';
import type { StoragePool } from '@limiquantix/proto/storage/v1/storage_pool_pb.js';
import type { Lookup } from '../../resource/lookup.js';
import type { DiskImages } from '../../wire/disk-image/api.js';
import { isDiskImageError } from '../../wire/disk-image/errors.js';
import { layoutAt, layoutOf, type PoolLayout } from './layout.js';
import { readClaim } from './marker.js';

/** What a register works with. */
export interface PoolRegisterOptions {
  readonly disks: DiskImages;
  /** The folder of its files; made when there is the first. */
  readonly directory: string;
  /** The node's view: which pools there are by their records. */
  readonly lookup: Lookup;
}

/** A pool's directory on the node, with the pool's marker in it. */
export interface PoolPlace {
  readonly poolId: string;
  readonly layout: PoolLayout;
}

const directoryMode = 0o700;
const fileMode = 0o600;

/** The register of a node. */
export class PoolRegister {
  readonly #options: PoolRegisterOptions;
  readonly #known = new Set<string>();

  constructor(options: PoolRegisterOptions) {
    this.#options = options;
  }

  /** Whether a pool is written down. */
  async knows(poolId: string): Promise<boolean> {
    if (this.#known.has(poolId)) return true;
    const text = await this.#options.disks.readText(this.#fileOf(poolId));
    if (text !== undefined) this.#known.add(poolId);
    return text !== undefined;
  }

  /** Writes a pool down. Idempotent: a pool's path never changes. */
  async remember(poolId: string, layout: PoolLayout): Promise<void> {
    const { disks, directory } = this.#options;
    await disks.ensureDirectory(directory, directoryMode);
    const path = this.#fileOf(poolId);
    try {
      await disks.writeText({ path, text: `${layout.path}\n`, mode: fileMode });
    } catch (error) {
      if (!isDiskImageError(error, 'ALREADY_EXISTS')) throw error;
    }
    this.#known.add(poolId);
  }

  /** Strikes a pool out. Idempotent. */
  async forget(poolId: string): Promise<void> {
    const { disks, directory } = this.#options;
    this.#known.delete(poolId);
    await disks.remove(this.#fileOf(poolId));
    await disks.removeEmptyDirectory(directory);
  }

  /** The pools whose directories are there: those that have a record, and those that had one. */
  async places(): Promise<readonly PoolPlace[]> {
    const { disks, lookup } = this.#options;
    const layouts = new Map<string, PoolLayout>();
    for (const pool of lookup.list<StoragePool>('storage_pool')) {
      const layout = layoutOf(pool);
      if (layout !== undefined) layouts.set(pool.id, layout);
    }
    for (const poolId of await this.#written()) {
      if (layouts.has(poolId)) continue;
      const layout = await this.layoutOf(poolId);
      if (layout !== undefined) layouts.set(poolId, layout);
    }
    const places: PoolPlace[] = [];
    for (const [poolId, layout] of layouts) {
      const { kind } = await readClaim(disks, layout, poolId);
      if (kind === 'ours') places.push({ poolId, layout });
    }
    return places;
  }

  /** Where a pool that is written down is; undefined for one that is not. */
  async layoutOf(poolId: string): Promise<PoolLayout | undefined> {
    const text = await this.#options.disks.readText(this.#fileOf(poolId));
    const path = text?.trimEnd() ?? '';
    return path.startsWith('/') ? layoutAt(path) : undefined;
  }

  async #written(): Promise<readonly string[]> {
    const names = await this.#options.disks.list(this.#options.directory);
    return names.filter((name) => /^[-0-9a-f]{36}$/.test(name));
  }

  #fileOf(poolId: string): string {
    return join(this.#options.directory, poolId);
  }
}
