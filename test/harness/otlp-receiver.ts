/** A collector of traces that keeps what it is sent, in this process: OTLP over HTTP, protobuf. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { BinaryReader } from '@bufbuild/protobuf/wire';

/** A span as it was received. */
export interface ReceivedSpan {
  /** `service.name` of the process that sent it. */
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for none. */
  readonly parentId: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly beganNs: bigint;
  readonly endedNs: bigint;
  readonly facts: Readonly<Record<string, string>>;
  /** Whether it failed, and its word for why. */
  readonly failure: string | undefined;
}

/** A collector. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** All that came, as text of single bytes: to look for what must not be in it. */
  text = '';
  /** The headers of each request. */
  readonly headers: Readonly<Record<string, unknown>>[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      buffer(request).then(
        (body) => {
          this.headers.push(request.headers);
          this.text += body.toString('latin1');
          if (request.url === '/v1/traces') this.spans.push(...decodeRequest(body));
          response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
        },
        () => response.destroy(),
      );
    });
  }

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  /** What OTEL_EXPORTER_OTLP_ENDPOINT is set to. */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends it. */
  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** Spans as lines, each below and further in than its parent, in the order of their beginnings. */
export function drawTrace(spans: readonly ReceivedSpan[]): string {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const byBeginning = [...spans].sort((a, b) => Number(a.beganNs - b.beganNs));
  const lines = (parentId: string, depth: number): string[] =>
    byBeginning
      .filter((span) => (known.has(span.parentId) ? span.parentId : '') === parentId)
      .flatMap((span) => [lineOf(span, depth), ...lines(span.spanId, depth + 1)]);
  return lines('', 0).join('\n');
}

function lineOf({ name, service, facts, beganNs, endedNs, failure }: ReceivedSpan, depth: number) {
  const about = facts['limiquantix.resource.name'] ?? facts['terraform.type'] ?? '';
  const ms = (Number(endedNs - beganNs) / 1e6).toFixed(1);
  const who = facts['limiquantix.node.id'] === undefined ? service : `${service}, on a node`;
  const words = [`${'  '.repeat(depth)}${name}`, about, `[${who}]`, `${ms} ms`, failure ?? ''];
  return words.filter((word) => word !== '').join(' ');
}

type Visit = (reader: BinaryReader, field: number, wireType: number) => void;

/** Calls `visit` for each field of a message; it reads the field. */
function eachField(bytes: Uint8Array, visit: Visit): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const before = reader.pos;
    visit(reader, field, wireType);
    if (reader.pos === before) reader.skip(wireType, field);
  }
}

function decodeRequest(body: Uint8Array): ReceivedSpan[] {
  const spans: ReceivedSpan[] = [];
  eachField(body, (request, field) => {
    if (field === 1) spans.push(...decodeResourceSpans(request.bytes()));
  });
  return spans;
}

function decodeResourceSpans(bytes: Uint8Array): ReceivedSpan[] {
  let facts: Record<string, string> = {};
  const encoded: Uint8Array[] = [];
  eachField(bytes, (reader, field) => {
    if (field === 1) facts = decodeFacts(reader.bytes(), 1);
    if (field !== 2) return;
    eachField(reader.bytes(), (scope, inner) => {
      if (inner === 2) encoded.push(scope.bytes());
    });
  });
  return encoded.map((span) => decodeSpan(span, facts['service.name'] ?? ''));
}

function decodeSpan(bytes: Uint8Array, service: string): ReceivedSpan {
  const ids: Record<number, string> = {};
  let [name, kind, beganNs, endedNs] = ['', 0, 0n, 0n];
  let failure: string | undefined;
  eachField(bytes, (reader, field) => {
    if (field === 1 || field === 2 || field === 4) {
      ids[field] = Buffer.from(reader.bytes()).toString('hex');
    } else if (field === 5) name = reader.string();
    else if (field === 6) kind = reader.uint32();
    else if (field === 7) beganNs = BigInt(reader.fixed64());
    else if (field === 8) endedNs = BigInt(reader.fixed64());
    else if (field === 15) failure = decodeFailure(reader.bytes());
  });
  const [traceId = '', spanId = '', parentId = ''] = [ids[1], ids[2], ids[4]];
  const facts = decodeFacts(bytes, 9);
  return { service, traceId, spanId, parentId, name, kind, beganNs, endedNs, facts, failure };
}

function decodeFailure(bytes: Uint8Array): string | undefined {
  let [message, code] = ['', 0];
  eachField(bytes, (reader, field) => {
    if (field === 2) message = reader.string();
    if (field === 3) code = reader.uint32();
  });
  return code === 2 ? message : undefined;
}

/** The attributes in a field of a message. */
function decodeFacts(bytes: Uint8Array, at: number): Record<string, string> {
  const facts: Record<string, string> = {};
  eachField(bytes, (reader, field) => {
    if (field !== at) return;
    let [key, value] = ['', ''];
    eachField(reader.bytes(), (pair, inner) => {
      if (inner === 1) key = pair.string();
      if (inner === 2) value = decodeValue(pair.bytes());
    });
    facts[key] = value;
  });
  return facts;
}

function decodeValue(bytes: Uint8Array): string {
  let value = '';
  eachField(bytes, (reader, field) => {
    if (field === 1) value = reader.string();
    if (field === 2) value = String(reader.bool());
    if (field === 3) value = String(reader.int64());
    if (field === 4) value = String(reader.double());
  });
  return value;
}
