/**
 * Uploads a file in chunks. After a broken connection it asks how much has arrived and goes on from
 * there.
 */

import type {
  GetUploadResponse,
  WriteChunkResponse,
} from '@limiquantix/proto/resource/v1/upload_service_pb.js';
import { UploadService } from '@limiquantix/proto/resource/v1/upload_service_pb.js';
import { ApiError } from '../engine/api.js';
import type { OpenFile } from '../engine/files.js';
import type { Caller } from './calls.js';

/** Which resource the content is for. */
export interface UploadTarget {
  readonly type: string;
  readonly id: string;
}

const chunkBytes = 2 * 1024 * 1024;
/** The last chunk's answer comes after the whole content was verified. */
const chunkTimeoutMs = 15 * 60_000;
/** How often an upload may break off without a byte of progress. */
const failuresMax = 5;

/** Uploads the whole file. Throws ApiError. */
export async function uploadFile(
  caller: Caller,
  { type, id }: UploadTarget,
  file: OpenFile,
): Promise<void> {
  const { getUpload, writeChunk } = UploadService.method;
  const begun = (await caller.unary(getUpload, { type, id })) as GetUploadResponse;
  if (begun.complete) return;
  let offset = Number(begun.receivedBytes);
  let failures = 0;
  for (;;) {
    const data = await file.read(offset, chunkBytes);
    try {
      const request = { type, id, offset: BigInt(offset), data };
      const answer = (await caller.unary(
        writeChunk,
        request,
        chunkTimeoutMs,
      )) as WriteChunkResponse;
      if (answer.complete) return;
      const received = Number(answer.receivedBytes);
      if (received > offset) failures = 0;
      else if (data.length === 0) throw changedFile(received);
      offset = received;
    } catch (error) {
      if (!isBrokenOff(error) || ++failures > failuresMax) throw error;
      const now = (await caller.unary(getUpload, { type, id })) as GetUploadResponse;
      if (now.complete) return;
      offset = Number(now.receivedBytes);
    }
  }
}

/** Whether the server may have another idea of how much has arrived. */
function isBrokenOff(error: unknown): boolean {
  const codes = ['unavailable', 'failed_precondition', 'deadline_exceeded', 'aborted'];
  return error instanceof ApiError && codes.includes(error.code);
}

function changedFile(received: number): ApiError {
  return new ApiError({
    code: 'failed_precondition',
    reason: 'FILE_CHANGED',
    message: `the file ends after ${received} bytes: it was changed since the plan; plan again`,
    violations: [],
  });
}
