/**
 * Answers with many resources, made of the bytes that the store has: a resource in an answer is its
 * record with the revision and, where the record has none, the etag behind it. Nothing is decoded
 * but what has secrets to leave out.
 */
import { create, type DescField } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { toBinary } from '@limiquantix/proto/binary/codec.js';
import type { EventType } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { findEncoded } from '../resource/encoded-fields.js';
import { decodeRecord, type RecordEntry } from '../resource/record.js';
import { hasEncodedSecret, withoutSecrets } from '../resource/strip.js';
import type { ResourceType } from '../resource/type-registry.js';

/** A page of a list, without the resources. */
interface PageFacts {
  readonly nextPageToken: string;
  readonly revision: bigint;
}

/** The response of a type's List. */
export function encodePage(
  type: ResourceType,
  records: readonly RecordEntry[],
  facts: PageFacts,
): Uint8Array {
  const { method, response } = type.methods.list;
  const writer = new BinaryWriter();
  for (const record of records) writeRecord(writer, response, { type, record });
  const rest = { nextPageToken: facts.nextPageToken, revision: facts.revision };
  return writer.raw(toBinary(method.output, create(method.output, rest))).finish();
}

/** A response that has one resource, and nothing else. */
export function encodeOne(
  type: ResourceType,
  response: DescField,
  record: RecordEntry,
): Uint8Array {
  const writer = new BinaryWriter();
  writeRecord(writer, response, { type, record });
  return writer.finish();
}

/** What a watch tells, without the resource. */
interface EventFacts {
  readonly type: EventType;
  readonly revision: bigint;
}

const encodedEvents = new WeakMap<RecordEntry, Map<string, Uint8Array>>();

/** A response of a type's Watch; encoded once for all who watch the same change. */
export function encodeEvent(
  type: ResourceType,
  record: RecordEntry | undefined,
  facts: EventFacts,
): Uint8Array {
  const { method, response } = type.methods.watch;
  const name = `${facts.type} ${facts.revision}`;
  const known = record && (encodedEvents.get(record) ?? new Map<string, Uint8Array>());
  let bytes = known?.get(name);
  if (bytes === undefined) {
    const rest = { type: facts.type, revision: facts.revision };
    const writer = new BinaryWriter().raw(toBinary(method.output, create(method.output, rest)));
    if (record !== undefined) writeRecord(writer, response, { type, record });
    bytes = writer.finish();
    known?.set(name, bytes);
    if (record !== undefined && known !== undefined) encodedEvents.set(record, known);
  }
  return bytes;
}

interface Shown {
  readonly type: ResourceType;
  readonly record: RecordEntry;
}

function writeRecord(writer: BinaryWriter, field: DescField, { type, record }: Shown): void {
  const [body, tail] = shownRecord(type, record);
  writer.tag(field.number, WireType.LengthDelimited).uint32(body.length + tail.length);
  writer.raw(body).raw(tail);
}

const nothing = new Uint8Array();

/** A resource as it is answered, in two parts. */
function shownRecord(type: ResourceType, record: RecordEntry): [Uint8Array, Uint8Array] {
  const { value } = record;
  if (hasEncodedSecret(type.message, value)) {
    const shown = withoutSecrets(type, decodeRecord(type, record));
    return [toBinary(type.message, shown), nothing];
  }
  const { etag, revision } = type.header;
  const tail = new BinaryWriter();
  if (record.revision !== 0n) tail.tag(revision, WireType.Varint).uint64(record.revision);
  if ((findEncoded(value, etag)?.length ?? 0) === 0) {
    tail.tag(etag, WireType.LengthDelimited).string(String(record.revision));
  }
  return [value, tail.finish()];
}
