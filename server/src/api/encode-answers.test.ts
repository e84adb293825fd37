/** What is answered as bytes is what would be answered as messages: for every type. */
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { behaviorOf, isPlainValue, writeField } from '../resource/field-access.js';
import {
  committed,
  decodeRecord,
  encodeRecord,
  entryOf,
  type RecordEntry,
} from '../resource/record.js';
import type { AnyResource } from '../resource/resource.js';
import { withoutSecrets } from '../resource/strip.js';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import { encodeEvent, encodeOne, encodePage } from './encode-answers.js';

const depthMax = 6;

/** A message with every field set; of a oneof, the last. */
function filled(desc: DescMessage, depth = 0): Message {
  const message = create(desc);
  for (const field of desc.fields) {
    if (field.message !== undefined && depth >= depthMax) continue;
    const value = sampleOf(field, depth);
    if (field.fieldKind === 'list') writeField(message, field, [value, value]);
    else if (field.fieldKind === 'map') writeField(message, field, { a: value, b: value });
    else writeField(message, field, value);
  }
  return message;
}

function sampleOf(field: DescField, depth: number): unknown {
  if (field.message !== undefined) {
    const { message } = field;
    if (!isPlainValue(message)) return filled(message, depth + 1);
    return message.typeName.endsWith('.Timestamp') ? filled(message) : create(message);
  }
  if (field.enum !== undefined) return field.enum.values.at(-1)?.number;
  if (field.scalar === ScalarType.STRING) return 'größer';
  if (field.scalar === ScalarType.BYTES) return new Uint8Array([0, 255]);
  if (field.scalar === ScalarType.BOOL) return true;
  const isLong = /64|SINT64/.test(ScalarType[field.scalar ?? 0] ?? '');
  return isLong ? 2n ** 40n + 1n : 7;
}

const full = (type: ResourceType): AnyResource => filled(type.message) as AnyResource;
const recordOf = (type: ResourceType, resource: AnyResource, revision: bigint): RecordEntry => ({
  value: encodeRecord(type, resource),
  revision,
});

const shown = (type: ResourceType, record: RecordEntry): AnyResource =>
  withoutSecrets(type, decodeRecord(type, record));

/** For each way to a secret, a message with that secret and nothing else. */
function withOneSecret(desc: DescMessage, depth = 0): Message[] {
  return desc.fields.flatMap((field) => {
    if (behaviorOf(field).secret) return [holding(desc, field, secret)];
    if (field.message === undefined || depth > depthMax) return [];
    return withOneSecret(field.message, depth + 1).map((inner) => {
      if (field.fieldKind === 'list') return holding(desc, field, [create(field.message), inner]);
      return holding(desc, field, field.fieldKind === 'map' ? { a: inner } : inner);
    });
  });
}

const secret = 'a planted secret';

function holding(desc: DescMessage, field: DescField, value: unknown): Message {
  const message = create(desc);
  writeField(message, field, value);
  return message;
}

it('no secret is answered, wherever it is', () => {
  let count = 0;
  for (const type of contractTypes.types) {
    for (const resource of withOneSecret(type.message)) {
      const record = recordOf(type, resource as AnyResource, 7n);
      expect(Buffer.from(record.value).includes(secret)).toBe(true);
      const page = encodePage(type, [record], { nextPageToken: '', revision: 7n });
      const event = encodeEvent(type, record, { type: EventType.ADDED, revision: 7n });
      for (const bytes of [page, event]) expect(Buffer.from(bytes).includes(secret)).toBe(false);
      count += 1;
    }
  }
  expect(count).toBeGreaterThan(20);
});

describe.each(contractTypes.types.map((type) => [type.type, type] as const))('%s', (_, type) => {
  const records = (): RecordEntry[] => [
    recordOf(type, full(type), 7n),
    recordOf(type, { ...full(type), etag: '' }, 2n ** 53n + 1n),
    recordOf(type, create(type.message) as AnyResource, 9n),
    recordOf(type, create(type.message) as AnyResource, 0n),
  ];

  it('is in a page as its messages are', () => {
    const { method, response } = type.methods.list;
    for (const facts of [
      { nextPageToken: 'next', revision: 12n },
      { nextPageToken: '', revision: 0n },
    ]) {
      const expected = create(method.output, {
        ...facts,
        [response.localName]: records().map((record) => shown(type, record)),
      });
      const bytes = encodePage(type, records(), facts);
      expect(fromBinary(method.output, bytes)).toEqual(expected);
    }
    const empty = encodePage(type, [], { nextPageToken: '', revision: 3n });
    expect(fromBinary(method.output, empty)).toEqual(create(method.output, { revision: 3n }));
  });

  it('is in the answer to a write as its message is', () => {
    const { method, response } = type.methods.get;
    for (const resource of [full(type), { ...full(type), etag: '' }]) {
      encodeRecord(type, resource);
      const stored = committed(resource, 8n);
      const record = entryOf(stored);
      if (record === undefined) throw new Error('nothing is known of what was committed');
      const expected = create(method.output, {
        [response.localName]: withoutSecrets(type, stored),
      });
      expect(fromBinary(method.output, encodeOne(type, response, record))).toEqual(expected);
    }
    expect(entryOf(committed(full(type), 8n))).toBeUndefined();
  });

  it('is in an event as its message is, encoded once for all watchers', () => {
    const { method, response } = type.methods.watch;
    for (const record of records()) {
      for (const facts of [
        { type: EventType.ADDED, revision: 6n },
        { type: EventType.ADDED, revision: 7n },
        { type: EventType.DELETED, revision: 7n },
      ]) {
        const resource = { [response.localName]: shown(type, record) };
        const bytes = encodeEvent(type, record, facts);
        const expected = create(method.output, { ...facts, ...resource });
        expect(fromBinary(method.output, bytes)).toEqual(expected);
        expect(encodeEvent(type, record, facts)).toBe(bytes);
      }
    }
    const facts = { type: EventType.BOOKMARK, revision: 6n };
    const bookmark = encodeEvent(type, undefined, facts);
    expect(fromBinary(method.output, bookmark)).toEqual(create(method.output, facts));
  });
});
