/**
 * JSON-RPC 1.0 over one channel (RFC 7047 §4): requests matched to answers, echo both ways, and
 * a deadline on every request. A session lives as long as its channel; client.ts makes new ones.
 */
import type { Timers } from './api.js';
import type { Channel, Dial } from './endpoint.js';
import { disconnected, fromWireError, isWireError, malformed, timedOut } from './errors.js';

/** A silent connection is probed after this long and given up after twice as long. */
export const PROBE_INTERVAL_MS = 5_000;

/** What a session reports. */
export interface SessionEvents {
  opened(): void;
  notified(method: string, params: readonly unknown[]): void;
  closed(cause?: unknown): void;
}

/** One request; the callbacks run before the next message is looked at. */
export interface SessionRequest {
  readonly method: string;
  readonly params: readonly unknown[];
  readonly timeoutMs: number;
  succeeded(result: unknown): void;
  failed(error: unknown): void;
}

interface Pending {
  readonly request: SessionRequest;
  readonly cancelTimer: () => void;
}

/** A conversation with one server. */
export class Session {
  private readonly channel: Channel;
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;
  private cancelProbe: () => void = () => undefined;
  private heard = true;
  private ended = false;

  constructor(
    dial: Dial,
    endpoint: string,
    private readonly timers: Timers,
    private readonly events: SessionEvents,
  ) {
    this.channel = dial(endpoint, {
      opened: () => {
        this.scheduleProbe();
        this.events.opened();
      },
      received: (message) => this.receive(message),
      closed: (cause) => this.end(cause),
    });
  }

  /** How many requests wait for an answer. */
  get waiting(): number {
    return this.pending.size;
  }

  /** Whether it has not ended. */
  get isOpen(): boolean {
    return !this.ended;
  }

  /** Sends a request. */
  call(request: SessionRequest): void {
    if (this.ended) {
      request.failed(disconnected());
      return;
    }
    this.lastId += 1;
    const id = this.lastId;
    const cancelTimer = this.timers.after(request.timeoutMs, () => this.expire(id));
    this.pending.set(id, { request, cancelTimer });
    this.channel.send({ method: request.method, params: request.params, id });
  }

  /** Hangs up: what waits fails as disconnected. Idempotent. */
  close(cause?: unknown): void {
    this.channel.close();
    this.end(cause);
  }

  private expire(id: number): void {
    const pending = this.pending.get(id);
    if (!pending) return;
    this.pending.delete(id);
    const { method, timeoutMs } = pending.request;
    pending.request.failed(timedOut(method, timeoutMs));
    this.channel.send({ method: 'cancel', params: [id], id: null });
  }

  private receive(message: unknown): void {
    if (this.ended) return;
    this.heard = true;
    if (typeof message !== 'object' || message === null) throw malformed('no JSON-RPC message');
    const { id, method, params, result, error } = message as Readonly<Record<string, unknown>>;
    if (typeof method === 'string') this.receiveCall(method, params, id);
    else if (typeof id === 'number') this.receiveAnswer(id, result, error);
  }

  private receiveCall(method: string, params: unknown, id: unknown): void {
    const list: readonly unknown[] = Array.isArray(params) ? params : [];
    if (method === 'echo') this.channel.send({ id, result: list, error: null });
    else this.events.notified(method, list);
  }

  private receiveAnswer(id: number, result: unknown, error: unknown): void {
    const pending = this.pending.get(id);
    if (!pending) return;
    this.pending.delete(id);
    pending.cancelTimer();
    if (error === null || error === undefined) pending.request.succeeded(result);
    else pending.request.failed(toError(error));
  }

  private scheduleProbe(): void {
    this.cancelProbe = this.timers.after(PROBE_INTERVAL_MS, () => {
      if (!this.heard) {
        this.close(new Error('the server does not answer'));
        return;
      }
      this.heard = false;
      this.channel.send({ method: 'echo', params: [], id: 'echo' });
      this.scheduleProbe();
    });
  }

  private end(cause: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.cancelProbe();
    for (const { request, cancelTimer } of this.pending.values()) {
      cancelTimer();
      request.failed(disconnected(cause));
    }
    this.pending.clear();
    this.events.closed(cause);
  }
}

function toError(error: unknown): unknown {
  if (isWireError(error)) return fromWireError(error);
  return fromWireError({ error: typeof error === 'string' ? error : 'an error of no known form' });
}
