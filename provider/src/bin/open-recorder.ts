/** Puts a recorder of spans together by OpenTelemetry's environment variables. */
import { randomBytes } from 'node:crypto';
import { keyValues, type TraceEnvironment } from '@limiquantix/proto/trace/endpoint.js';
import { createRecorder } from '../trace/recorder.js';
import { createSend } from '../trace/send.js';
import type { Tracer } from '../trace/tracer.js';

/** What to record for. */
export interface OpenRecorderOptions {
  /** Where spans go. */
  readonly url: string;
  readonly env: TraceEnvironment;
  /** The trace that Terraform was started in, if any. */
  readonly traceparent: string | undefined;
}

/** Opens it. */
export function openRecorder({ url, env, traceparent }: OpenRecorderOptions): Tracer {
  const headers = env['OTEL_EXPORTER_OTLP_TRACES_HEADERS'] ?? env['OTEL_EXPORTER_OTLP_HEADERS'];
  return createRecorder({
    traceparent,
    process: {
      'service.name': 'terraform-provider-limiquantix',
      ...keyValues(env['OTEL_RESOURCE_ATTRIBUTES']),
      ...(env['OTEL_SERVICE_NAME'] && { 'service.name': env['OTEL_SERVICE_NAME'] }),
    },
    nowMs: () => performance.timeOrigin + performance.now(),
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
    send: createSend(url, keyValues(headers)),
  });
}
