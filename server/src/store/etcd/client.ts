/**
 * Calls to etcd's members. All go to one member as long as it answers; when one fails or is silent
 * for too long, the next member's turn comes and the streams of the one before end, so that they
 * begin anew with it. A call that only reads, or that may be made twice, is repeated until its
 * deadline; a call that writes is made once, and who made it finds out what came of it.
 */
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import {
  KV,
  Lease,
  Maintenance,
  Watch,
  type WatchRequest,
  type WatchResponse,
} from '@limiquantix/proto/etcd/rpc_pb.js';
import { LimiError } from '../../resource/error.js';
import { isRefusal, toLimiError, unavailable } from './errors.js';
import { withPlainUnary } from './unary.js';

/** Timers that are handed in. */
export interface Timers {
  /** Calls `fn` once after `delayMs`; returns what undoes it. */
  after(delayMs: number, fn: () => void): () => void;
}

/** How to reach etcd. */
export interface EtcdConnection {
  /** `host:port` of each member. */
  readonly endpoints: readonly string[];
  /** With it, connections are TLS; all PEM. */
  readonly tls?: EtcdTls | undefined;
}

/** Whom to trust, and who we are. */
export interface EtcdTls {
  /** Those whose server certificates count; the system's without it. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** The services of one member. */
export interface Services {
  readonly kv: Client<typeof KV>;
  readonly lease: Client<typeof Lease>;
  readonly maintenance: Client<typeof Maintenance>;
}

interface Member extends Services {
  readonly url: string;
  readonly watch: Client<typeof Watch>;
  readonly close: () => void;
}

/** How long one member is waited for. */
export const attemptMs = 1_500;
/** How long a call that may be repeated is. */
export const deadlineMs = 10_000;
/** Between two attempts, once every member has failed. */
const restMs = 100;
/** etcd closes connections that are pinged more often than each five seconds. */
const pingIntervalMs = 6_000;
const pingTimeoutMs = 1_500;
/** A member without a leader says so at once, and ends a stream, instead of falling silent. */
const needsLeader = { hasleader: 'true' } as const;
/** A big transaction in many streams needs more than Node's 10 MB. */
const sessionMemoryMb = 256;

/** A client of one cluster. */
export class EtcdClient {
  readonly #members: readonly Member[];
  readonly #timers: Timers;
  #at = 0;
  /** Aborted when the present member's turn ends. */
  #turn = new AbortController();
  #isClosed = false;

  constructor(connection: EtcdConnection, timers: Timers) {
    this.#members = connection.endpoints.map((endpoint) =>
      connect(endpoint, connection.tls, timers),
    );
    this.#timers = timers;
  }

  /** Makes a call that may be made again, until one attempt succeeds or the deadline has passed. */
  async repeat<T>(call: (services: Services, options: CallOptions) => Promise<T>): Promise<T> {
    const deadline = this.#deadline(deadlineMs);
    try {
      for (let failures = 1; ; failures += 1) {
        try {
          return await this.once(call);
        } catch (cause) {
          const isFinal = isRefusal(cause) || cause instanceof LimiError;
          if (isFinal || deadline.signal.aborted || this.#isClosed) throw toLimiError(cause);
          if (failures % this.#members.length === 0) await this.rest(restMs);
        }
      }
    } finally {
      deadline.cancel();
    }
  }

  /**
   * Makes a call once. Throws what etcd said; `isRefusal` tells whether it is certain that it had
   * no effect.
   */
  async once<T>(call: (services: Services, options: CallOptions) => Promise<T>): Promise<T> {
    const at = this.#at;
    try {
      return await call(this.#member(at), { timeoutMs: attemptMs, headers: needsLeader });
    } catch (cause) {
      if (!isRefusal(cause) && !(cause instanceof LimiError)) this.#failed(at);
      throw cause;
    }
  }

  /** Opens a watch at the present member; it ends with that member's turn, or with the signal. */
  async *watch(requests: AsyncIterable<WatchRequest>, signal: AbortSignal) {
    const at = this.#at;
    const turn = AbortSignal.any([signal, this.#turn.signal]);
    try {
      const responses: AsyncIterable<WatchResponse> = this.#member(at).watch.watch(requests, {
        signal: turn,
        headers: needsLeader,
      });
      yield* responses;
    } catch (cause) {
      if (!turn.aborted && !isRefusal(cause)) this.#failed(at);
      throw cause;
    }
  }

  /** Gives the next member its turn: the present one doesn't keep up. */
  rotate(): void {
    this.#failed(this.#at);
  }

  /** Every member by itself, for what concerns each. */
  get members(): readonly Services[] {
    return this.#members;
  }

  /** Resolves after a while, or when the client is closed. */
  rest(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timers.after(this.#isClosed ? 0 : delayMs, resolve);
    });
  }

  /** A signal that aborts after a while. */
  #deadline(delayMs: number): { readonly signal: AbortSignal; readonly cancel: () => void } {
    const controller = new AbortController();
    const cancel = this.#timers.after(delayMs, () => controller.abort());
    return { signal: controller.signal, cancel };
  }

  /** Ends every call. */
  close(): void {
    this.#isClosed = true;
    this.#turn.abort();
    for (const { close } of this.#members) close();
  }

  #member(at: number): Member {
    const member = this.#members[at];
    if (member === undefined || this.#isClosed) throw unavailable('the client is closed');
    return member;
  }

  #failed(at: number): void {
    // Many calls fail at once at the same member: the first of them turns, for all.
    if (at !== this.#at || this.#isClosed) return;
    this.#at = (at + 1) % this.#members.length;
    const turn = this.#turn;
    this.#turn = new AbortController();
    turn.abort();
  }
}

/** What each call is given. */
export interface CallOptions {
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
}

function connect(endpoint: string, tls: EtcdTls | undefined, timers: Timers): Member {
  const url = `${tls === undefined ? 'http' : 'https'}://${endpoint}`;
  const { ca, cert, key } = tls ?? {};
  const session = new Http2SessionManager(
    url,
    { pingIntervalMs, pingTimeoutMs },
    {
      maxSessionMemory: sessionMemoryMb,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
  );
  const transport = withPlainUnary({
    transport: createGrpcTransport({ baseUrl: url, sessionManager: session }),
    session,
    timers,
  });
  return {
    url,
    kv: createClient(KV, transport),
    watch: createClient(Watch, transport),
    lease: createClient(Lease, transport),
    maintenance: createClient(Maintenance, transport),
    close: () => session.abort(),
  };
}
