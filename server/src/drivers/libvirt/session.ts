/**
 * A lasting connection to one libvirtd: it is opened when it is needed, opened again when it was
 * lost, and tells its events to the same listeners throughout. After it came back, events may have
 * been missed, and `onReconnected` says so.
 */
import type { Clock } from '../../reconcile/clock.js';
import type { DomainEvent, LibvirtApi, LibvirtConnect } from '../../wire/libvirt/api.js';

const RECONNECT_FIRST_MS = 100;
const RECONNECT_MAX_MS = 5_000;

/** What a session works with. */
export interface LibvirtSessionOptions {
  readonly connect: LibvirtConnect;
  readonly clock: Clock;
  readonly onEvent: (event: DomainEvent) => void;
  /** Called after the connection was lost and is there again. */
  readonly onReconnected: () => void;
}

/** One session; make it once per process and purpose. */
export class LibvirtSession {
  readonly #options: LibvirtSessionOptions;
  #api: Promise<LibvirtApi> | undefined;
  #isClosed = false;
  #hasBeenOpen = false;
  #cancelReconnect: (() => void) | undefined;

  constructor(options: LibvirtSessionOptions) {
    this.#options = options;
  }

  /** The open connection; opens one if there is none. Rejects when that fails; may be retried. */
  api(): Promise<LibvirtApi> {
    this.#api ??= this.#open();
    return this.#api;
  }

  /** Ends the session for good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelReconnect?.();
    const api = await this.#api?.catch(() => undefined);
    await api?.close();
  }

  async #open(): Promise<LibvirtApi> {
    this.#cancelReconnect?.();
    try {
      const api = await this.#options.connect();
      api.onEvent((event) => this.#options.onEvent(event));
      api.onClosed(() => {
        this.#api = undefined;
        this.#reconnectAfter(RECONNECT_FIRST_MS);
      });
      if (this.#hasBeenOpen) this.#options.onReconnected();
      this.#hasBeenOpen = true;
      return api;
    } catch (error) {
      this.#api = undefined;
      throw error;
    }
  }

  /** Without a connection no events come, so it is opened again even when nobody asks. */
  #reconnectAfter(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancelReconnect?.();
    this.#cancelReconnect = this.#options.clock.after(delayMs, () => {
      if (this.#isClosed) return;
      const next = Math.min(delayMs * 2, RECONNECT_MAX_MS);
      this.api().catch(() => this.#reconnectAfter(next));
    });
  }
}
