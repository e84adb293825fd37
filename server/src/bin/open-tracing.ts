/**
 * Whether and where a process tells traces, by OpenTelemetry's own environment variables: nothing
 * of its SDK is loaded unless an endpoint is named.
 */
import { tracesUrl } from '@limiquantix/proto/trace/endpoint.js';
import { InvalidArgumentError, Option } from 'commander';
import type { Log } from '../log.js';
import { passingOn, type Tracing } from '../tracing.js';
import type { Environment } from './profile.js';

/** What to open it by. */
export interface TracingOptions {
  /** The name that spans are found under; OTEL_SERVICE_NAME goes before. */
  readonly service: string;
  readonly env: Environment;
  /** An OTLP endpoint that goes before those of the environment. */
  readonly endpoint?: string | undefined;
  /** What the process is part of, where it records nothing itself. */
  readonly traceparent?: string;
  /** Takes that traces can't be told; nobody without it. */
  readonly log?: Log;
}

/** Tracing that can be ended. */
export interface OpenTracing {
  readonly tracing: Tracing;
  /** Sends what wasn't sent yet, for a moment. Never rejects. */
  close(): Promise<void>;
}

/** Opens it. */
export async function openTracing(options: TracingOptions): Promise<OpenTracing> {
  const url = tracesUrl(options.env, options.endpoint);
  if (url === undefined) {
    return { tracing: passingOn(options.traceparent ?? ''), close: () => Promise.resolve() };
  }
  const { startTracing } = await import('./open-telemetry.js');
  return startTracing({ ...options, url });
}

/** The option that names an endpoint. */
export function otlpOption(): Option {
  return new Option(
    '--otlp-endpoint <url>',
    'where to send traces by OTLP over HTTP, such as http://10.0.0.5:4318 (default: OTEL_EXPORTER_OTLP_ENDPOINT, or nowhere)',
  ).argParser(parseEndpoint);
}

function parseEndpoint(text: string): string {
  if (/^https?:$/.test(URL.canParse(text) ? new URL(text).protocol : '')) return text;
  throw new InvalidArgumentError('give a URL such as http://10.0.0.5:4318');
}
