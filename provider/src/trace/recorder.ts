/**
 * Records what Terraform asks of the provider and what that asks of the control plane, and sends it
 * in batches. Loaded where somebody named an OTLP endpoint. What can't be sent is dropped without a
 * word: Terraform's user asked for something else.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { formatTraceparent, parseTraceparent } from '@limiquantix/proto/trace/traceparent.js';
import { type EndedSpan, encodeSpans, type Facts } from './encode.js';
import { passingOn, type Tracer } from './tracer.js';

/** What a recorder works with. */
export interface RecorderOptions {
  /** The trace that Terraform was started in, if any. */
  readonly traceparent: string | undefined;
  /** What is told of the process. */
  readonly process: Facts;
  /** Milliseconds since 1970, with what there is of them after the point. */
  readonly nowMs: () => number;
  /** Random hexadecimal digits for so many bytes. */
  readonly randomHex: (bytes: number) => string;
  /** Sends an encoded batch. */
  readonly send: (body: Uint8Array) => Promise<void>;
}

/** Spans that wait to be sent; more are dropped. */
const spansMax = 4_096;
/** Spans in one message. */
const batchMax = 512;
const gatherMs = 1_000;
const traceIdBytes = 16;
const spanIdBytes = 8;

/** Where what comes next belongs. */
interface Place {
  readonly traceId: string;
  readonly spanId: string;
}

type Begun = Omit<EndedSpan, 'endedMs' | 'failure'>;

/** Makes a recorder. */
export function createRecorder(options: RecorderOptions): Tracer {
  const outer = parseTraceparent(options.traceparent);
  // Whoever began the trace has decided that it isn't recorded.
  if (outer?.isSampled === false) return passingOn(options.traceparent);
  const { nowMs, randomHex } = options;
  const underWay = new AsyncLocalStorage<Place>();
  const sender = new Sender(options);
  const begin = (name: string, kind: 'server' | 'client', facts: Facts): Begun => {
    const parent = underWay.getStore() ?? outer;
    const traceId = parent?.traceId ?? randomHex(traceIdBytes);
    const parentId = parent?.spanId ?? '';
    const spanId = randomHex(spanIdBytes);
    return { traceId, spanId, parentId, name, kind, facts, beganMs: nowMs() };
  };
  const end = (span: Begun, failure: string | undefined): void =>
    sender.add({ ...span, failure, endedMs: nowMs() });
  return {
    async answer({ name, typeName }, run) {
      const facts = typeName === '' ? {} : { 'terraform.type': typeName };
      const span = begin(name, 'server', facts);
      let failure: string | undefined = 'failed';
      try {
        const answer = await underWay.run(span, run);
        failure = hasError(answer) ? 'error' : undefined;
        return answer;
      } finally {
        end(span, failure);
      }
    },
    begin({ name, parent: { typeName } }) {
      const facts = { 'rpc.system': 'grpc', 'rpc.service': typeName, 'rpc.method': name };
      const span = begin(`${typeName}/${name}`, 'client', facts);
      return {
        traceparent: formatTraceparent({ ...span, isSampled: true }),
        end: (error) => end(span, error === undefined ? undefined : codeOf(error)),
      };
    },
    current() {
      const place = underWay.getStore() ?? outer;
      return place === undefined ? '' : formatTraceparent({ ...place, isSampled: true });
    },
    end: () => sender.flush(),
  };
}

/** Gathers spans and sends them. */
class Sender {
  #spans: EndedSpan[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly #sending = new Set<Promise<void>>();

  constructor(private readonly options: Pick<RecorderOptions, 'process' | 'send'>) {}

  add(span: EndedSpan): void {
    if (this.#spans.length >= spansMax) return;
    this.#spans.push(span);
    if (this.#spans.length >= batchMax && this.#sending.size === 0) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), gatherMs).unref();
  }

  /** Sends all that waits; resolves when it is sent, or can't be. */
  flush(): Promise<unknown> | undefined {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const spans = this.#spans.splice(0);
    const { process, send } = this.options;
    for (let at = 0; at < spans.length; at += batchMax) {
      const sent = send(encodeSpans(process, spans.slice(at, at + batchMax)))
        .catch(() => undefined)
        .finally(() => this.#sending.delete(sent));
      this.#sending.add(sent);
    }
    return this.#sending.size === 0 ? undefined : Promise.all(this.#sending);
  }
}

/** Terraform's word for an error among diagnostics. */
const errorSeverity = 1;

function hasError(answer: unknown): boolean {
  const { diagnostics = [] } = (answer ?? {}) as { diagnostics?: { severity?: number }[] };
  return diagnostics.some(({ severity }) => severity === errorSeverity);
}

/** A failure's stable word: a message may name what a user wrote. */
function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'failed';
}
