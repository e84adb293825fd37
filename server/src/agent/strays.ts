/**
 * Removes what a host's backends have for resources that nobody wants there any more, such as the
 * domain of a virtual machine that went elsewhere while this host was off. It asks only drivers
 * that offer it, and must not run before the desired state is known.
 */
import { keysOf } from '../decide/backend-object.js';
import type { Log } from '../log.js';
import type { Cancel, Clock } from '../reconcile/clock.js';
import {
  type Driver,
  hasInventory,
  type Lookup,
  removesStrays,
  type SupportsInventory,
  type SupportsStrayRemoval,
} from '../reconcile/driver.js';
import type { ResourceKey } from '../resource/resource.js';

/** What a sweeper works with. */
export interface StraySweeperOptions {
  readonly drivers: readonly Driver[];
  /** What is wanted. */
  readonly lookup: Lookup;
  readonly clock: Clock;
  readonly log: Log;
}

/** A change of the desired state is followed by a sweep after this long … */
const settleMs = 200;
/** … and without one they are this far apart, for what a step under way may leave behind. */
const intervalMs = 60_000;
const retryMs = 5_000;

/** A driver that can name and remove strays. */
type Cleaner = Driver & SupportsInventory & SupportsStrayRemoval;

/** Sweeps now and then, one sweep at a time. */
export class StraySweeper {
  readonly #options: StraySweeperOptions;
  readonly #cleaners: readonly Cleaner[];
  #timer: Cancel | undefined;
  #running: Promise<void> | undefined;
  #isAsked = false;
  #isStopped = false;

  constructor(options: StraySweeperOptions) {
    this.#options = options;
    this.#cleaners = options.drivers.filter(isCleaner);
  }

  /** Asks for a sweep soon. */
  ask(): void {
    this.#isAsked = true;
    if (this.#running === undefined) this.#schedule(settleMs);
  }

  /** Ends after the sweep under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.();
    await this.#running;
  }

  /** Removes each stray; says whether all went well. Idempotent. */
  async sweep(): Promise<boolean> {
    let isClean = true;
    for (const cleaner of this.#cleaners) {
      try {
        const keys = keysOf(await cleaner.inventory());
        for (const key of keys) await this.#sweepKey(cleaner, key);
      } catch (error) {
        isClean = false;
        this.#options.log.warn('strays could not be removed', { type: cleaner.type, err: error });
      }
    }
    return isClean;
  }

  async #sweepKey(cleaner: Cleaner, key: ResourceKey): Promise<void> {
    if (key.type !== cleaner.type) return;
    // Asked for each key just before its removal: it may have become wanted during the sweep.
    if (this.#isStopped || this.#options.lookup.get(key.type, key.id) !== undefined) return;
    this.#options.log.info('removing what nobody wants here', { type: key.type, id: key.id });
    await cleaner.removeStray(key.id);
  }

  #schedule(delayMs: number): void {
    this.#timer?.();
    if (this.#isStopped) return;
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#running = this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isAsked = false;
    const isClean = await this.sweep();
    this.#running = undefined;
    this.#schedule(this.#isAsked ? settleMs : isClean ? intervalMs : retryMs);
  }
}

const isCleaner = (driver: Driver): driver is Cleaner =>
  hasInventory(driver) && removesStrays(driver);
