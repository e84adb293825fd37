/**
 * Spans as OTLP has them, encoded by hand: OpenTelemetry's SDK would cost each Terraform command
 * more to load than all that the provider does.
 * Source: opentelemetry-proto, collector/trace/v1/trace_service.proto and trace/v1/trace.proto.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** What is told of a span, or of the process. */
export type Facts = Readonly<Record<string, string | number>>;

/** A span that is over. */
export interface EndedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: keyof typeof kinds;
  readonly beganMs: number;
  readonly endedMs: number;
  readonly facts: Facts;
  /** Why it failed, in a stable word; undefined where it didn't. */
  readonly failure: string | undefined;
}

const kinds = { internal: 1, server: 2, client: 3 } as const;
const errorStatus = 2;
const nanosOfMs = 1_000_000;

/** The message that a collector takes: spans of one process. */
export function encodeSpans(process: Facts, spans: readonly EndedSpan[]): Uint8Array {
  const resource = attributes(new BinaryWriter(), 1, process);
  const scope = new BinaryWriter().tag(1, WireType.LengthDelimited).string(scopeName);
  const ofScope = nested(new BinaryWriter(), 1, scope);
  for (const span of spans) nested(ofScope, 2, encodeSpan(span));
  const ofResource = nested(nested(new BinaryWriter(), 1, resource), 2, ofScope);
  return nested(new BinaryWriter(), 1, ofResource).finish();
}

const scopeName = 'terraform-provider-limiquantix';

function encodeSpan(span: EndedSpan): BinaryWriter {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).bytes(Buffer.from(span.traceId, 'hex'));
  writer.tag(2, WireType.LengthDelimited).bytes(Buffer.from(span.spanId, 'hex'));
  if (span.parentId !== '') {
    writer.tag(4, WireType.LengthDelimited).bytes(Buffer.from(span.parentId, 'hex'));
  }
  writer.tag(5, WireType.LengthDelimited).string(span.name);
  writer.tag(6, WireType.Varint).uint32(kinds[span.kind]);
  writer.tag(7, WireType.Bit64).fixed64(nanos(span.beganMs));
  writer.tag(8, WireType.Bit64).fixed64(nanos(span.endedMs));
  attributes(writer, 9, span.facts);
  if (span.failure !== undefined) {
    const status = new BinaryWriter().tag(2, WireType.LengthDelimited).string(span.failure);
    nested(writer, 15, status.tag(3, WireType.Varint).uint32(errorStatus));
  }
  return writer;
}

/** Whole milliseconds first: all of a time in nanoseconds is more than a number holds. */
function nanos(ms: number): bigint {
  const whole = Math.floor(ms);
  return BigInt(whole) * BigInt(nanosOfMs) + BigInt(Math.round((ms - whole) * nanosOfMs));
}

function attributes(writer: BinaryWriter, field: number, facts: Facts): BinaryWriter {
  for (const [key, value] of Object.entries(facts)) {
    const any = new BinaryWriter();
    if (typeof value === 'string') any.tag(1, WireType.LengthDelimited).string(value);
    else any.tag(3, WireType.Varint).int64(value);
    const pair = new BinaryWriter().tag(1, WireType.LengthDelimited).string(key);
    nested(writer, field, nested(pair, 2, any));
  }
  return writer;
}

function nested(writer: BinaryWriter, field: number, message: BinaryWriter): BinaryWriter {
  return writer.tag(field, WireType.LengthDelimited).bytes(message.finish());
}
