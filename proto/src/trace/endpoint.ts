/**
 * Whether and where traces are told, by OpenTelemetry's own environment variables. Pure.
 * Source: opentelemetry.io/docs/specs/otel/protocol/exporter
 */

/** A process' environment. */
export type TraceEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * Where to send traces by OTLP over HTTP; undefined for nowhere. `endpoint` goes before what the
 * environment says.
 */
export function tracesUrl(env: TraceEnvironment, endpoint?: string): string | undefined {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return undefined;
  if (endpoint === undefined) {
    if (env['OTEL_TRACES_EXPORTER'] === 'none') return undefined;
    const whole = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
    if (whole) return whole;
  }
  const base = endpoint ?? env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  return base ? `${base.replace(/\/+$/, '')}/v1/traces` : undefined;
}

/** What is in a list such as `key=value,other=a%20word`: headers, or attributes. */
export function keyValues(list: string | undefined): Readonly<Record<string, string>> {
  const pairs = (list ?? '').split(',').flatMap((pair): [string, string][] => {
    const [, key, value = ''] = /^\s*([^=\s]+)\s*=(.*)$/.exec(pair) ?? [];
    return key === undefined ? [] : [[key, decoded(value.trim())]];
  });
  return Object.fromEntries(pairs);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
