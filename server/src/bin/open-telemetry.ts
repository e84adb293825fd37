/**
 * Tracing by OpenTelemetry's SDK, sent by OTLP over HTTP in batches that are bounded: what a
 * collector doesn't take in time is dropped. The only file that loads the SDK; it is loaded where
 * somebody named an endpoint.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { formatTraceparent, parseTraceparent } from '@limiquantix/proto/trace/traceparent.js';
import {
  type Context,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Log } from '../log.js';
import { LimiError } from '../resource/error.js';
import { type CausedWork, noSpan, type Span, type Tracing, type Work } from '../tracing.js';
import type { OpenTracing, TracingOptions } from './open-tracing.js';
import type { Environment } from './profile.js';
import { version } from './version.js';

/** Spans that wait to be sent; more are dropped. */
const queueMax = 8_192;
const batchMax = 512;
const gatherMs = 1_000;
const sendTimeoutMs = 5_000;
/** An attribute is a name or an id. */
const attributeLengthMax = 256;

/** What to record for. */
export interface RecordingOptions extends TracingOptions {
  /** Where to send spans. */
  readonly url: string;
  /** For tests, in the place of what sends them. */
  readonly exporter?: SpanExporter;
}

/** Starts to record. */
export function startTracing(options: RecordingOptions): OpenTracing {
  const { service, env, url, log } = options;
  const sender = options.exporter ?? new OTLPTraceExporter({ url, timeoutMillis: sendTimeoutMs });
  const exporter = telling(sender, log);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': service,
      'service.version': version,
    }).merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOf(env),
    spanLimits: { attributeValueLengthLimit: attributeLengthMax },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: queueMax,
        maxExportBatchSize: batchMax,
        scheduledDelayMillis: gatherMs,
        exportTimeoutMillis: sendTimeoutMs,
      }),
    ],
  });
  return {
    tracing: new RecordedTracing(provider.getTracer('limiquantix', version)),
    // A collector that is away must not keep a process from ending well.
    close: () => provider.shutdown().catch(() => undefined),
  };
}

/** The sampler that the environment names, and all that has no unsampled parent without it. */
function samplerOf(env: Environment): Sampler {
  const [, base = '', kind = 'always_on'] =
    /^(parentbased_)?(always_on|always_off|traceidratio)$/.exec(
      env['OTEL_TRACES_SAMPLER'] ?? 'parentbased_always_on',
    ) ?? [];
  const ratio = Number(env['OTEL_TRACES_SAMPLER_ARG'] || 1);
  const makers: Readonly<Record<string, () => Sampler>> = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  };
  const root = makers[kind]?.() ?? new AlwaysOnSampler();
  return base === '' ? root : new ParentBasedSampler({ root });
}

/** An exporter that says once that it can't send, and then again after it could. */
function telling(exporter: SpanExporter, log: Log | undefined): SpanExporter {
  let isAway = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const isFailed = result.error !== undefined;
        if (isFailed && !isAway) log?.warn('traces could not be sent', { err: result.error });
        isAway = isFailed;
        done(result);
      });
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
}

const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
} as const;

class RecordedTracing implements Tracing {
  readonly isOn = true;
  readonly #tracer: Tracer;
  readonly #underWay = new AsyncLocalStorage<OtelSpan | undefined>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  enter<T>(work: CausedWork, run: (span: Span) => Promise<T>): Promise<T> {
    const cause = parseTraceparent(work.cause);
    if (cause !== undefined) {
      const { traceId, spanId, isSampled } = cause;
      const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
      const parent = { traceId, spanId, traceFlags, isRemote: true };
      return this.#record(work, trace.setSpanContext(ROOT_CONTEXT, parent), run);
    }
    if (work.isBeginning) return this.#record(work, ROOT_CONTEXT, run);
    return this.#underWay.run(undefined, () => run(noSpan));
  }

  within<T>(work: Work, run: (span: Span) => Promise<T>): Promise<T> {
    const parent = this.#underWay.getStore();
    if (parent === undefined) return run(noSpan);
    return this.#record(work, trace.setSpan(ROOT_CONTEXT, parent), run);
  }

  current(): string {
    const context = this.#underWay.getStore()?.spanContext();
    if (context === undefined) return '';
    const isSampled = (context.traceFlags & TraceFlags.SAMPLED) !== 0;
    return formatTraceparent({ traceId: context.traceId, spanId: context.spanId, isSampled });
  }

  async #record<T>(
    { name, kind = 'internal', facts = {} }: Work,
    context: Context,
    run: (span: Span) => Promise<T>,
  ): Promise<T> {
    const span = this.#tracer.startSpan(name, { kind: kinds[kind], attributes: facts }, context);
    try {
      return await this.#underWay.run(span, () =>
        run({ add: (more) => void span.setAttributes(more) }),
      );
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: reasonOf(error) });
      throw error;
    } finally {
      span.end();
    }
  }
}

/** A failure's stable word: messages of backends may hold what only the log may. */
function reasonOf(error: unknown): string {
  if (error instanceof LimiError) return error.reason;
  if (typeof error !== 'object' || error === null) return 'error';
  const { reason, code, name } = error as { reason?: unknown; code?: unknown; name?: unknown };
  if (typeof reason === 'string') return reason;
  // A backend's own number says nothing without whose it is.
  return [name, code].filter((word) => word !== undefined).join(' ') || 'error';
}
