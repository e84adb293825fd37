/**
 * Where the store's keys are in etcd, and how its requirements and writes are said in etcd's
 * protocol. Below the installation's prefix:
 *
 *   k          the head: put with every commit, so that its revision is that of the newest one
 *   k/<key>    the store's keys
 *   w/<id>/<n> slots: what tells a writer whether a commit whose answer was lost was made
 *   leader     who leads, as long as its lease lives
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  Compare_CompareResult as CompareResult,
  type CompareSchema,
  Compare_CompareTarget as CompareTarget,
  type RequestOpSchema,
  WatchRequestSchema,
} from '@limiquantix/proto/etcd/rpc_pb.js';
import { endOf } from '../bounds.js';
import type { Requirement, Write } from '../store.js';

/** A comparison in a transaction. */
export type CompareInit = MessageInitShape<typeof CompareSchema>;
/** An operation in a transaction. */
export type OpInit = MessageInitShape<typeof RequestOpSchema>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const empty = new Uint8Array();

/** Bytes of ASCII text. */
export const encode = (text: string): Uint8Array => encoder.encode(text);
/** ASCII text of bytes. */
export const decode = (bytes: Uint8Array): string => decoder.decode(bytes);

/** The keys of one installation. */
export class Layout {
  readonly head: Uint8Array;
  readonly leader: Uint8Array;
  /** The first key after the head and all of the store's keys. */
  readonly end: Uint8Array;
  readonly #prefix: string;
  readonly #keysAt: number;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.head = encode(`${prefix}k`);
    this.end = encode(`${prefix}k0`);
    this.leader = encode(`${prefix}leader`);
    this.#keysAt = prefix.length + 2;
  }

  /** The key of a slot. */
  slot(writer: string, number: number): Uint8Array {
    return encode(`${this.#prefix}w/${writer}/${number}`);
  }

  /** Where one of the store's keys is. */
  key(key: string): Uint8Array {
    return encode(`${this.#prefix}k/${key}`);
  }

  /** The store's key at a place; undefined for the head. */
  keyAt(bytes: Uint8Array): string | undefined {
    return bytes.length < this.#keysAt ? undefined : decode(bytes.subarray(this.#keysAt));
  }

  /** What must hold, as a comparison. */
  compare(requirement: Requirement): CompareInit {
    if (requirement.kind === 'empty') {
      const { prefix } = requirement;
      return {
        ...neverCreated(this.key(prefix)),
        rangeEnd: this.key(endOf(prefix)),
      };
    }
    const key = this.key(requirement.key);
    if (requirement.kind === 'absent') return neverCreated(key);
    if (requirement.kind === 'revision') return writtenAt(key, requirement.revision);
    return {
      ...neverCreated(key),
      result: CompareResult.GREATER,
    };
  }

  /** What tells whether a requirement held, where a transaction did not. */
  probe(requirement: Requirement): OpInit {
    if (requirement.kind !== 'empty') return readKey(this.key(requirement.key));
    const { prefix } = requirement;
    const value = {
      key: this.key(prefix),
      rangeEnd: this.key(endOf(prefix)),
      keysOnly: true,
      limit: 1n,
    };
    return { request: { case: 'requestRange', value } };
  }

  /** A write. */
  write(write: Write): OpInit {
    const key = this.key(write.key);
    return write.kind === 'put'
      ? { request: { case: 'requestPut', value: { key, value: write.value } } }
      : { request: { case: 'requestDeleteRange', value: { key } } };
  }

  /** Puts the head. */
  putHead(): OpInit {
    return { request: { case: 'requestPut', value: { key: this.head, value: empty } } };
  }

  /** Asks for every change of the store's keys after a revision. */
  watch(after: bigint) {
    return create(WatchRequestSchema, {
      requestUnion: {
        case: 'createRequest',
        value: {
          key: this.head,
          rangeEnd: this.end,
          startRevision: after + 1n,
          prevKv: true,
        },
      },
    });
  }
}

/** Whether a probe's answer says that the requirement held. */
export function holds(requirement: Requirement, found: bigint | undefined): boolean {
  if (requirement.kind === 'revision') return found === requirement.revision;
  return (requirement.kind === 'exists') === (found !== undefined);
}

/** Reads the revision of a key. */
export const readKey = (key: Uint8Array): OpInit => ({
  request: { case: 'requestRange', value: { key, keysOnly: true } },
});

/** Compares: the key doesn't exist. */
export const neverCreated = (key: Uint8Array): CompareInit => ({
  target: CompareTarget.CREATE,
  result: CompareResult.EQUAL,
  key,
  targetUnion: { case: 'createRevision', value: 0n },
});

/** Compares: the key was last written by this revision. */
export const writtenAt = (key: Uint8Array, revision: bigint): CompareInit => ({
  target: CompareTarget.MOD,
  result: CompareResult.EQUAL,
  key,
  targetUnion: { case: 'modRevision', value: revision },
});
