/**
 * The desired state on the host's disk: a log of the control plane's `Desired` messages, each on
 * disk before it takes effect, so that a restarted agent looks after its guests without the control
 * plane. A record that a crash cut short is dropped: the control plane's next snapshot has it.
 */

import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import {
  type Desired,
  type DesiredResource,
  DesiredResourceSchema,
  DesiredSchema,
} from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { fromBinary, toBinary } from '@limiquantix/proto/binary/codec.js';
import { LimiError } from '../resource/error.js';
import { nameOf } from '../resource/key-name.js';
import type { ResourceKey, TypeName } from '../resource/resource.js';
import { type LogFile, type LogFiles, machineLogFiles } from './log-files.js';

/** A desired resource: its key, and its message as the control plane encoded it. */
export interface ReplicaEntry {
  readonly key: ResourceKey;
  readonly resource: Uint8Array;
}

/** Reads the id out of an encoded resource; undefined for a type that this version doesn't know. */
export type ReadId = (type: TypeName, resource: Uint8Array) => string | undefined;

/** The log is written anew when it is this much longer than what it says … */
const compactRatio = 4;
/** … and at least this long. */
const compactBytesMin = 1_048_576;
/** Length and CRC-32 of a record, each 4 bytes, little-endian. */
const headerBytes = 8;
const fileName = 'desired.log';

/** The desired state on disk. One at a time for a directory; calls must not overlap. */
export class Replica {
  readonly #directory: string;
  readonly #readId: ReadId;
  readonly #files: LogFiles;
  readonly #entries = new Map<string, ReplicaEntry>();
  #file: LogFile | undefined;
  #logBytes = 0;
  #liveBytes = 0;
  #known = false;
  /** Whether a write failed, so that nobody knows what is at the file's end. */
  #isTorn = false;

  private constructor(directory: string, readId: ReadId, files: LogFiles) {
    this.#directory = directory;
    this.#readId = readId;
    this.#files = files;
  }

  /** Opens the log in a directory and reads it; makes both where they don't exist. */
  static async open(
    directory: string,
    readId: ReadId,
    files: LogFiles = machineLogFiles,
  ): Promise<Replica> {
    await files.ensureDirectory(directory);
    const replica = new Replica(directory, readId, files);
    await replica.#load();
    return replica;
  }

  /** Whether a snapshot was ever received: without one, nobody can say what is unwanted. */
  get isKnown(): boolean {
    return this.#known;
  }

  /** What is desired. */
  entries(): readonly ReplicaEntry[] {
    return [...this.#entries.values()];
  }

  /**
   * Takes a change; it is on disk when this returns. Gives the keys that left. Where it can't be
   * written it throws, and what is desired is as before; the same change may be applied again, and
   * a snapshot says anew what left.
   */
  async apply(desired: Desired): Promise<readonly ResourceKey[]> {
    if (!desired.snapshot && !this.#known) {
      throw refused('a change of the desired state came before the first snapshot');
    }
    const before = new Map(this.#entries);
    const [liveBytes, wasKnown] = [this.#liveBytes, this.#known];
    this.#merge(desired);
    try {
      await this.#write(desired);
    } catch (error) {
      this.#entries.clear();
      for (const [name, entry] of before) this.#entries.set(name, entry);
      [this.#liveBytes, this.#known] = [liveBytes, wasKnown];
      this.#isTorn = true;
      throw error;
    }
    return [...before].filter(([name]) => !this.#entries.has(name)).map(([, { key }]) => key);
  }

  /** Closes the file; idempotent. */
  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #load(): Promise<void> {
    const content = await this.#files.read(this.#path);
    if (content === undefined) return;
    let offset = 0;
    for (;;) {
      const record = decodeRecord(content, offset);
      if (record === undefined) break;
      this.#merge(record.desired);
      offset = record.end;
    }
    this.#file = await this.#files.open(this.#path, 'append');
    await this.#file.truncate(offset);
    this.#logBytes = offset;
  }

  #merge(desired: Desired): void {
    if (desired.snapshot) {
      this.#entries.clear();
      this.#known = true;
      this.#liveBytes = 0;
    }
    for (const { type, resource } of desired.upserts) {
      const id = this.#readId(type, resource);
      if (id === undefined) continue;
      const key = { type, id };
      this.#forget(nameOf(key));
      this.#entries.set(nameOf(key), { key, resource });
      this.#liveBytes += resource.length;
    }
    for (const key of desired.removals) this.#forget(nameOf(key));
  }

  #forget(name: string): void {
    this.#liveBytes -= this.#entries.get(name)?.resource.length ?? 0;
    this.#entries.delete(name);
  }

  async #write(desired: Desired): Promise<void> {
    const record = encodeRecord(desired);
    const isLong =
      this.#logBytes + record.length > Math.max(compactBytesMin, this.#liveBytes * compactRatio);
    if (desired.snapshot || isLong || this.#isTorn) await this.#rewrite(desired.revision);
    else await this.#append(record);
  }

  async #append(record: Uint8Array): Promise<void> {
    const file = this.#file;
    if (file === undefined) throw refused('the desired state on disk is closed');
    await file.append(record);
    await file.sync();
    this.#logBytes += record.length;
  }

  /** Writes all there is as one snapshot into a new file, and puts it in the old one's place. */
  async #rewrite(revision: bigint): Promise<void> {
    const upserts = this.entries().map(asMessage);
    const record = encodeRecord(create(DesiredSchema, { revision, snapshot: true, upserts }));
    const temporary = `${this.#path}.part`;
    const file = await this.#files.open(temporary, 'empty');
    try {
      await file.append(record);
      await file.sync();
      await this.#files.replace(temporary, this.#path);
    } catch (error) {
      await file.close();
      throw error;
    }
    const before = this.#file;
    this.#file = file;
    this.#logBytes = record.length;
    this.#isTorn = false;
    await before?.close();
  }

  get #path(): string {
    return join(this.#directory, fileName);
  }
}

function asMessage({ key, resource }: ReplicaEntry): DesiredResource {
  return create(DesiredResourceSchema, { type: key.type, resource });
}

function encodeRecord(desired: Desired): Uint8Array {
  const body = toBinary(DesiredSchema, desired);
  const record = Buffer.alloc(headerBytes + body.length);
  record.writeUInt32LE(body.length, 0);
  record.writeUInt32LE(crc32(body), 4);
  record.set(body, headerBytes);
  return record;
}

/** The record at an offset, or undefined where none is whole: the end, or what a crash left. */
function decodeRecord(
  content: Buffer,
  offset: number,
): { readonly desired: Desired; readonly end: number } | undefined {
  if (content.length < offset + headerBytes) return undefined;
  const end = offset + headerBytes + content.readUInt32LE(offset);
  if (content.length < end) return undefined;
  const body = content.subarray(offset + headerBytes, end);
  if (crc32(body) !== content.readUInt32LE(offset + 4)) return undefined;
  return { desired: fromBinary(DesiredSchema, body), end };
}

function refused(message: string): LimiError {
  return new LimiError({ code: Code.Internal, reason: 'DESIRED_STATE', message });
}
