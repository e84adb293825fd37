/**
 * Long copies in the background, one for each name: a reconciler starts one, looks at it later
 * and is poked when it ends. Bounded at once, tried again with growing pauses, called off when no
 * longer wanted. It knows no resource and no protocol.
 */
import type { Clock } from '../reconcile/clock.js';

/** How transfers behave. */
export interface TransfersOptions {
  readonly clock: Clock;
  /** Transfers at once; others wait for their turn. */
  readonly concurrencyMax: number;
  /** Called with the name when a transfer ended, well or not. */
  readonly onEnd: (name: string) => void;
}

/** What a transfer is given. */
export interface TransferContext {
  /** Aborts when nobody wants the result any more. */
  readonly signal: AbortSignal;
  /** To be told how much has arrived. */
  readonly onProgress: (receivedBytes: number) => void;
}

/** How a transfer is doing. One that ended well is `none`: the world shows its result. */
export type TransferState =
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly receivedBytes: number }
  | {
      readonly kind: 'failed';
      readonly error: unknown;
      /** Failures in a row. */
      readonly failures: number;
      /** Not before this time, in milliseconds since 1970, shall it be tried again. */
      readonly retryAtMs: number;
    };

const retryFirstMs = 500;
const retryMaxMs = 60_000;

interface Transfer {
  readonly caller: AbortController;
  state: TransferState;
  /** Failures in a row before this try. */
  failures: number;
  /** A failure that nobody has taken yet. */
  untold: unknown;
  ended: Promise<void>;
}

/** The transfers of one driver. There are at most as many as the driver starts names. */
export class Transfers {
  readonly #options: TransfersOptions;
  readonly #transfers = new Map<string, Transfer>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: TransfersOptions) {
    this.#options = options;
  }

  /** How the transfer of that name is doing. */
  state(name: string): TransferState {
    return this.#transfers.get(name)?.state ?? { kind: 'none' };
  }

  /**
   * Whether one should be started now: there is none, or it failed and has paused for long
   * enough.
   */
  isDue(name: string): boolean {
    const state = this.state(name);
    if (state.kind !== 'failed') return state.kind === 'none';
    return this.#options.clock.nowMs() >= state.retryAtMs;
  }

  /**
   * The error of the last failure, the first time that it is asked for: to be thrown and logged
   * once.
   */
  takeFailure(name: string): unknown {
    const transfer = this.#transfers.get(name);
    const error = transfer?.untold;
    if (transfer !== undefined) transfer.untold = undefined;
    return error;
  }

  /** Starts a transfer, unless one of that name is under way. Returns at once. */
  start(name: string, run: (context: TransferContext) => Promise<void>): void {
    const before = this.#transfers.get(name);
    if (before?.state.kind === 'running') return;
    const transfer: Transfer = {
      caller: new AbortController(),
      state: { kind: 'running', receivedBytes: 0 },
      failures: before?.failures ?? 0,
      untold: undefined,
      ended: Promise.resolve(),
    };
    this.#transfers.set(name, transfer);
    transfer.ended = this.#run(name, transfer, run);
  }

  /** Calls a transfer off and forgets it; resolves when it has ended. Idempotent. */
  async forget(name: string): Promise<void> {
    const transfer = this.#transfers.get(name);
    this.#transfers.delete(name);
    transfer?.caller.abort();
    await transfer?.ended;
  }

  /** Calls all transfers off; resolves when they have ended. */
  async stop(): Promise<void> {
    await Promise.all([...this.#transfers.keys()].map((name) => this.forget(name)));
  }

  async #run(
    name: string,
    transfer: Transfer,
    run: (context: TransferContext) => Promise<void>,
  ): Promise<void> {
    const { signal } = transfer.caller;
    await this.#enter();
    try {
      signal.throwIfAborted();
      await run({
        signal,
        onProgress: (receivedBytes) => {
          transfer.state = { kind: 'running', receivedBytes };
        },
      });
      if (this.#transfers.get(name) === transfer) this.#transfers.delete(name);
    } catch (error) {
      this.#fail(transfer, error);
    } finally {
      this.#leave();
    }
    if (!signal.aborted) this.#options.onEnd(name);
  }

  #fail(transfer: Transfer, error: unknown): void {
    transfer.failures += 1;
    transfer.untold = error;
    const { failures } = transfer;
    const pauseMs = Math.min(retryMaxMs, retryFirstMs * 2 ** Math.min(failures - 1, 20));
    const retryAtMs = this.#options.clock.nowMs() + pauseMs;
    transfer.state = { kind: 'failed', error, failures, retryAtMs };
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#options.concurrencyMax) {
      this.#running += 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
