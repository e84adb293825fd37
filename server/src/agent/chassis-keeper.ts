/**
 * Keeps the host a chassis of OVN: brings its switch database to the settings at the start, when
 * the database comes back, and now and then. Until the first time has succeeded, no guest may be
 * started: an interface of an earlier boot could fight with it for its port.
 */
import { Code } from '@connectrpc/connect';
import type { ChassisReport } from '../drivers/ovn/chassis.js';
import type { Log } from '../log.js';
import type { Cancel, Clock } from '../reconcile/clock.js';
import { LimiError } from '../resource/error.js';

/** What a keeper works with. */
export interface ChassisKeeperOptions {
  readonly chassis: {
    reconcile(runningPortIds?: ReadonlySet<string>): Promise<ChassisReport>;
  };
  /** The ports of the domains that run. Throws where the hypervisor can't be asked. */
  readonly runningPortIds: () => Promise<ReadonlySet<string>>;
  /** Called once, when guests may be started. */
  readonly onReady: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

const intervalMs = 60_000;
const retryFirstMs = 200;
const retryMaxMs = 10_000;

/** The keeper. */
export class ChassisKeeper {
  readonly #options: ChassisKeeperOptions;
  #report: ChassisReport | undefined;
  #failures = 0;
  #timer: Cancel | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: ChassisKeeperOptions) {
    this.#options = options;
  }

  /** Begins, and goes on until `stop`. */
  start(): void {
    this.look();
  }

  /** Looks now, unless it is looking. */
  look(): void {
    if (this.#isStopped || this.#running !== undefined) return;
    this.#timer?.();
    this.#running = this.#look();
  }

  /** Ends after the look under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.();
    await this.#running;
  }

  /** What the last look that succeeded found; undefined before. */
  get report(): ChassisReport | undefined {
    return this.#report;
  }

  /** Throws LimiError, to be tried again, while guests may not be started. */
  requireReady(): void {
    if (this.#report !== undefined) return;
    throw new LimiError({
      code: Code.Unavailable,
      reason: 'CHASSIS_NOT_READY',
      message: "the node's Open vSwitch is not set up yet; see the agent's log if that lasts",
      retryable: true,
    });
  }

  async #look(): Promise<void> {
    const { log, clock } = this.#options;
    let delayMs = intervalMs;
    try {
      await this.#reconcile();
      this.#failures = 0;
    } catch (error) {
      if (this.#failures === 0)
        log.warn("the host's switch can't be set up; trying on", { err: error });
      delayMs = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(this.#failures, 10));
      this.#failures += 1;
    }
    this.#running = undefined;
    if (!this.#isStopped) this.#timer = clock.after(delayMs, () => this.look());
  }

  async #reconcile(): Promise<void> {
    const { chassis, runningPortIds, onReady, log } = this.#options;
    if (this.#report !== undefined) {
      this.#report = await chassis.reconcile();
      return;
    }
    const report = await chassis.reconcile(await runningPortIds());
    if (report.purged.length > 0) {
      log.info('interfaces of an earlier boot were removed', { interfaces: report.purged });
    }
    this.#report = report;
    onReady();
  }
}
