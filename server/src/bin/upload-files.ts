/**
 * Files on this machine that resources name, such as an image's: their length and hash are filled
 * in before anything is sent, and their content is uploaded after. An upload that broke off goes on
 * when the same file is applied again.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  type GetUploadResponse,
  UploadService,
  type WriteChunkResponse,
} from '@limiquantix/proto/resource/v1/upload_service_pb.js';
import { LimiError } from '../resource/error.js';
import {
  behaviorOf,
  createWalk,
  findField,
  readField,
  writeField,
} from '../resource/field-access.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { Session } from './session.js';
import { sizeText } from './words/numbers.js';

const walk = createWalk(({ upload }) => upload !== undefined);

/** A file that a resource names. */
interface NamedFile {
  /** The path of the field that names it. */
  readonly field: string;
  readonly file: string;
  /** The message with the field and its facts. */
  readonly parent: Message;
  readonly size: ReturnType<typeof findField>;
  readonly sha256: ReturnType<typeof findField>;
}

/** A fact that isn't as it was written. */
export interface FileProblem {
  readonly path: string;
  readonly message: string;
}

/**
 * Fills in the length and the hash of the files that a resource names. Where a file isn't here and
 * both are given, as in what `get` printed, they stay.
 */
export async function fillFileFacts(
  type: ResourceType,
  resource: AnyResource,
): Promise<FileProblem[]> {
  const problems: FileProblem[] = [];
  for (const { field, file, parent, size, sha256 } of filesOf(type, resource)) {
    if (size === undefined || sha256 === undefined) continue;
    const given = { size: readField(parent, size), sha256: readField(parent, sha256) };
    const actual = await factsOf(file);
    if (typeof actual === 'string') {
      if (given.size === undefined || given.sha256 === undefined) {
        problems.push({ path: field, message: `names "${file}", which can't be read: ${actual}` });
      }
      continue;
    }
    for (const [name, fact, value] of [
      ['size', size, actual.size],
      ['sha256', sha256, actual.sha256],
    ] as const) {
      const before = given[name];
      if (before === undefined) writeField(parent, fact, value);
      else if (before !== value) {
        const message = `is ${String(before)}, but the file "${file}" has ${value}; correct it or take it out`;
        problems.push({ path: field.replace(/[^.]+$/, fact.name), message });
      }
    }
  }
  return problems;
}

/** Uploads what has not arrived of the files that a resource names; idempotent. */
export async function uploadFiles(
  session: Session,
  type: ResourceType,
  given: { readonly resource: AnyResource; readonly id: string },
): Promise<void> {
  for (const { file } of filesOf(type, given.resource)) {
    await uploadOne(session, { type: type.type, id: given.id, file, name: given.resource.name });
  }
}

function filesOf(type: ResourceType, resource: AnyResource): NamedFile[] {
  const files: NamedFile[] = [];
  if (resource.spec === undefined) return files;
  walk({ desc: type.spec, message: resource.spec, path: 'spec' }, (visited) => {
    const { upload } = behaviorOf(visited.field);
    if (upload === undefined) return;
    const desc = visited.field.parent;
    files.push({
      field: visited.path,
      file: String(visited.value),
      parent: visited.parent,
      size: findField(desc, upload.sizeField),
      sha256: findField(desc, upload.sha256Field),
    });
  });
  return files;
}

const readBytes = 1024 * 1024;

/** The facts of a file, or why it can't be read. */
async function factsOf(file: string): Promise<{ size: bigint; sha256: string } | string> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(readBytes);
    let size = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, readBytes);
      if (bytesRead === 0) return { size: BigInt(size), sha256: hash.digest('hex') };
      hash.update(buffer.subarray(0, bytesRead));
      size += bytesRead;
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'there is no such file' : message;
  } finally {
    await handle?.close();
  }
}

interface Upload {
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly file: string;
}

const chunkBytes = 2 * 1024 * 1024;
/** The last chunk's answer comes after the whole content was verified. */
const chunkTimeoutMs = 15 * 60_000;
/** How often an upload may break off without a byte of progress. */
const failuresMax = 5;

async function uploadOne(session: Session, upload: Upload): Promise<void> {
  const { type, file } = upload;
  const begun = await arrived(session, upload);
  if (begun.complete) return;
  const handle = await open(file).catch((error: unknown) => {
    throw new LimiError({
      code: Code.FailedPrecondition,
      reason: 'NO_FILE',
      message: `${type}/${upload.name} waits for the content of "${file}", which isn't on this machine; apply it where the file is`,
      cause: error,
    });
  });
  try {
    await sendAll(session, upload, {
      handle,
      from: Number(begun.receivedBytes),
      of: Number(begun.sizeBytes),
    });
  } finally {
    await handle.close();
  }
  session.cli.stdout.write(`${type}/${upload.name} uploaded\n`);
}

interface Source {
  readonly handle: FileHandle;
  readonly from: number;
  readonly of: number;
}

async function sendAll(
  session: Session,
  upload: Upload,
  { handle, from, of }: Source,
): Promise<void> {
  const { type, id } = upload;
  const buffer = Buffer.allocUnsafe(chunkBytes);
  let offset = from;
  let failures = 0;
  for (;;) {
    session.cli.signal.throwIfAborted();
    tellProgress(session, upload, { sent: offset, of });
    const { bytesRead } = await handle.read(buffer, 0, chunkBytes, offset);
    const data = buffer.subarray(0, bytesRead);
    try {
      const request = { type, id, offset: BigInt(offset), data };
      const answer = await session.client.call(
        UploadService.method.writeChunk,
        request,
        chunkTimeoutMs,
      );
      const { complete, receivedBytes } = answer as WriteChunkResponse;
      if (complete) break;
      if (Number(receivedBytes) > offset) failures = 0;
      else if (bytesRead === 0) throw changed(upload);
      offset = Number(receivedBytes);
    } catch (error) {
      failures += 1;
      if (!isBrokenOff(error) || failures > failuresMax) throw error;
      const now = await arrived(session, upload);
      if (now.complete) break;
      offset = Number(now.receivedBytes);
    }
  }
  if (session.cli.stderr.isTerminal) session.cli.stderr.write('\r\u001b[K');
}

async function arrived({ client }: Session, { type, id }: Upload): Promise<GetUploadResponse> {
  return (await client.call(UploadService.method.getUpload, { type, id })) as GetUploadResponse;
}

function tellProgress(
  { cli: { stderr } }: Session,
  { type, name }: Upload,
  { sent, of }: { readonly sent: number; readonly of: number },
): void {
  if (!stderr.isTerminal) return;
  const percent = of === 0 ? 0 : Math.floor((100 * sent) / of);
  const sizes = `${sizeText(sent, 'bytes')} of ${sizeText(of, 'bytes')}`;
  stderr.write(`\r\u001b[K${type}/${name}: uploading, ${percent} % (${sizes})`);
}

const brokenOff: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.FailedPrecondition,
  Code.DeadlineExceeded,
  Code.Aborted,
]);

/** Whether the server may have another idea of how much has arrived. */
const isBrokenOff = (error: unknown): boolean =>
  error instanceof ConnectError && brokenOff.has(error.code);

function changed({ file }: Upload): LimiError {
  return new LimiError({
    code: Code.FailedPrecondition,
    reason: 'FILE_CHANGED',
    message: `"${file}" became shorter while it was uploaded; apply it again when it is whole`,
  });
}
