/**
 * The agent's one stream to the control plane: it dials out, says hello, sends observations and
 * signs of life, takes the desired state in, and dials again with a bounded backoff when the stream
 * ends. What is lost with a stream comes again with the next: a snapshot from there, all
 * observations from here.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  type ConnectRequest,
  ConnectRequestSchema,
  type ConnectResponse,
  type Desired,
  type InventoryRequest,
} from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import type { Log } from '../log.js';
import { Bell, rest } from '../reconcile/bell.js';
import type { Clock, Random } from '../reconcile/clock.js';
import { LimiError } from '../resource/error.js';
import type { Outbox } from './outbox.js';

/** Opens a stream: over the network, or within the process for simulated nodes. */
export type OpenStream = (
  requests: AsyncIterable<ConnectRequest>,
  signal: AbortSignal,
) => AsyncIterable<ConnectResponse>;

/** What a connection works with. */
export interface ConnectionOptions {
  readonly open: OpenStream;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly outbox: Outbox;
  readonly agentVersion: string;
  /** A random word of this start of the agent. */
  readonly session: string;
  /**
   * Takes a change of the desired state; awaited before the next one is read. The signal says that
   * the stream has ended.
   */
  readonly onDesired: (desired: Desired, signal: AbortSignal) => Promise<void>;
  /** Takes a question; its answer comes by the outbox. */
  readonly onInventory: (request: InventoryRequest) => void;
}

const backoffFirstMs = 200;
const backoffMaxMs = 10_000;
/** Observations that come up within this time go out together. */
const gatherMs = 10;
/** Observations in one message, at most. */
const observationsMax = 500;
const heartbeatDefaultMs = 5_000;

/** Keeps a stream open. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #bell: Bell;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #heartbeatMs = heartbeatDefaultMs;
  #failures = 0;
  #welcomed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#bell = new Bell(options.clock);
  }

  /** Dials, and dials again, until `stop`. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the stream and resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Whether the control plane has answered on the present stream. */
  get isWelcomed(): boolean {
    return this.#welcomed;
  }

  /** Says that the outbox has something. */
  notify(): void {
    this.#bell.ring();
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const reason = await this.#stream();
      this.#welcomed = false;
      if (signal.aborted) return;
      this.#failures += 1;
      const delayMs = this.#backoffMs();
      const say = this.#failures === 1 ? log.warn : log.debug;
      say.call(log, 'no stream to the control plane; dialling again', { delayMs, err: reason });
      await rest(clock, delayMs, signal);
    }
  }

  /** One stream from its opening to its end. Resolves with the reason why it ended. */
  async #stream(): Promise<unknown> {
    const attempt = new AbortController();
    const abort = (): void => attempt.abort();
    this.#stop.signal.addEventListener('abort', abort, { once: true });
    try {
      const responses = this.#options.open(this.#requests(attempt.signal), attempt.signal);
      for await (const { message } of responses) {
        if (message.case === 'welcome') this.#welcome(message.value.heartbeatSeconds);
        if (message.case === 'desired') {
          await this.#options.onDesired(message.value, attempt.signal);
        }
        if (message.case === 'inventory') this.#options.onInventory(message.value);
      }
      return closed();
    } catch (error) {
      return error;
    } finally {
      this.#stop.signal.removeEventListener('abort', abort);
      attempt.abort();
    }
  }

  #welcome(heartbeatSeconds: number): void {
    if (heartbeatSeconds > 0) this.#heartbeatMs = heartbeatSeconds * 1_000;
    this.#failures = 0;
    this.#welcomed = true;
    this.#options.log.info('connected to the control plane');
    this.#options.outbox.resendAll();
  }

  async *#requests(signal: AbortSignal): AsyncGenerator<ConnectRequest> {
    const { agentVersion, session, outbox, clock } = this.#options;
    yield request({ message: { case: 'hello', value: { agentVersion, session } } });
    let lastMs = clock.nowMs();
    while (!signal.aborted) {
      await this.#bell.wait(Math.max(0, lastMs + this.#heartbeatMs - clock.nowMs()), signal);
      await rest(clock, gatherMs, signal);
      // Before the answer to hello, the control plane may not know which node this is.
      const items = this.#welcomed && !signal.aborted ? outbox.take(observationsMax) : [];
      if (items.length === observationsMax) this.#bell.ring();
      for (let report = outbox.takeReport(); report && !signal.aborted; ) {
        yield request({ message: { case: 'inventory', value: report } });
        report = outbox.takeReport();
      }
      const isDue = clock.nowMs() >= lastMs + this.#heartbeatMs;
      if (items.length > 0) yield request({ message: { case: 'observations', value: { items } } });
      else if (isDue) yield request({ message: { case: 'heartbeat', value: {} } });
      else continue;
      lastMs = clock.nowMs();
    }
  }

  #backoffMs(): number {
    const exponent = Math.min(this.#failures - 1, 10);
    const whole = Math.min(backoffMaxMs, backoffFirstMs * 2 ** exponent);
    return Math.round(whole * (0.5 + this.#options.random() / 2));
  }
}

function request(init: MessageInitShape<typeof ConnectRequestSchema>): ConnectRequest {
  return create(ConnectRequestSchema, init);
}

function closed(): LimiError {
  return new LimiError({
    code: Code.Unavailable,
    reason: 'STREAM_CLOSED',
    message: 'the control plane closed the stream',
    retryable: true,
  });
}
