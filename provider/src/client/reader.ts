/**
 * Reads single resources. Terraform asks for them one by one, many at a time; where many of a type
 * are wanted at once, one list at one revision answers them all, and those that come right after. A
 * reader of some fields only answers what it has from a list.
 */
import { ApiError } from '../engine/api.js';
import type { AnyResource } from '../engine/fields.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import { answerFields, type Caller, standardMethod } from './calls.js';
import { listResources } from './lister.js';
import type { Timers } from './timers.js';

/** How many reads in `windowMs` make a list worth its while. */
const readsForList = 8;
const windowMs = 1_000;
/** How many pages a list may have; a larger installation is read one by one. */
const pagesMax = 10;
/** How long a list answers further reads. A refresh of thousands takes about as long. */
const listLifeMs = 10_000;

/** What a reader works with. */
export interface ReaderOptions {
  readonly caller: Caller;
  readonly shape: ResourceShape;
  readonly nowMs: () => number;
  readonly timers: Timers;
}

interface Pending {
  readonly id: string;
  readonly resolve: (resource: AnyResource | undefined) => void;
  readonly reject: (error: unknown) => void;
}

interface Snapshot {
  readonly byId: ReadonlyMap<string, AnyResource>;
  readonly expiresMs: number;
}

/** Reads the resources of one type. */
export class Reader {
  private pending: Pending[] = [];
  private snapshot: Snapshot | undefined;
  private listing: Promise<Snapshot | undefined> | undefined;
  private isTooLarge = false;
  private windowStartMs = 0;
  private readsInWindow = 0;
  private writes = 0;

  constructor(
    private readonly options: ReaderOptions,
    private readonly fields?: readonly string[],
  ) {}

  /**
   * Undefined if there is none; also for one of few, where only some fields are read. Throws
   * ApiError.
   */
  read(id: string): Promise<AnyResource | undefined> {
    const nowMs = this.options.nowMs();
    if (nowMs - this.windowStartMs > windowMs) {
      this.windowStartMs = nowMs;
      this.readsInWindow = 0;
    }
    this.readsInWindow += 1;
    const { snapshot } = this;
    if (snapshot !== undefined && snapshot.expiresMs > nowMs) {
      return Promise.resolve(snapshot.byId.get(id));
    }
    return new Promise((resolve, reject) => {
      this.pending.push({ id, resolve, reject });
      // A few turns later, so that requests that came in one packet are all here.
      if (this.pending.length === 1) this.options.timers.after(1, () => this.flush());
    });
  }

  /** Forgets the list, because something was written. */
  forget(): void {
    this.writes += 1;
    this.snapshot = undefined;
    this.listing = undefined;
  }

  private flush(): void {
    const batch = this.pending;
    this.pending = [];
    const isMany = this.readsInWindow >= readsForList && !this.isTooLarge;
    for (const one of batch) {
      const answer =
        isMany || this.listing !== undefined ? this.fromList(one.id) : this.getOne(one.id);
      answer.then(one.resolve, one.reject);
    }
  }

  private async fromList(id: string): Promise<AnyResource | undefined> {
    this.listing ??= this.list();
    const { listing } = this;
    const snapshot = await listing;
    if (this.listing === listing) this.listing = undefined;
    return snapshot === undefined ? this.getOne(id) : snapshot.byId.get(id);
  }

  private async list(): Promise<Snapshot | undefined> {
    const writes = this.writes;
    const { resources, isComplete } = await listResources(this.options.caller, this.options.shape, {
      ...(this.fields && { fields: this.fields }),
      pagesMax,
    });
    if (!isComplete) {
      this.isTooLarge = true;
      return undefined;
    }
    const byId = new Map(resources.map((resource) => [resource.id, resource]));
    const snapshot = { byId, expiresMs: this.options.nowMs() + listLifeMs };
    if (writes === this.writes) this.snapshot = snapshot;
    return snapshot;
  }

  private async getOne(id: string): Promise<AnyResource | undefined> {
    // As few bytes as a list entry, but a round trip more.
    if (this.fields !== undefined) return undefined;
    const method = standardMethod(this.options.shape, 'Get');
    try {
      const answer = await this.options.caller.unary(method, { id });
      return answerFields(this.options.shape, method, answer).resource;
    } catch (error) {
      if (error instanceof ApiError && error.code === 'not_found') return undefined;
      throw error;
    }
  }
}
