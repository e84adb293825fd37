/**
 * Uploads of the files that resources' fields name: which field that is, its length and its
 * SHA-256 are read from the contract's annotations, and the content goes to the sink of the
 * resource's type. It checks no permissions; the service that it is mounted in has done so.
 */
import { Code } from '@connectrpc/connect';
import type {
  GetUploadRequest,
  WriteChunkRequest,
} from '@limiquantix/proto/resource/v1/upload_service_pb.js';
import type { UploadFacts, UploadSink } from '../library/upload-sink.js';
import type { Poke } from '../reconcile/driver.js';
import { LimiError } from '../resource/error.js';
import { behaviorOf, createWalk, findField, readField } from '../resource/field-access.js';
import type { AnyResource, TypeName } from '../resource/resource.js';
import type { ResourceType, TypeRegistry } from '../resource/type-registry.js';

/** What uploads work with. */
export interface UploadsOptions {
  readonly types: TypeRegistry;
  /** Who takes the content, by the resource's type. */
  readonly sinks: ReadonlyMap<TypeName, UploadSink>;
  /** The resource as it is now, or undefined. */
  readonly resourceOf: (
    type: TypeName,
    id: string,
  ) => Promise<AnyResource | undefined> | AnyResource | undefined;
  /** Wakes the resource's reconciler. */
  readonly poke: Poke;
}

/** The answer to GetUpload. */
export interface UploadState {
  readonly receivedBytes: bigint;
  readonly sizeBytes: bigint;
  readonly complete: boolean;
}

/** The answer to WriteChunk. */
export type ChunkState = Pick<UploadState, 'receivedBytes' | 'complete'>;

/** The reconciler is woken when this much more has arrived, beside the first and the last chunk. */
const progressBytes = 64 * 1024 ** 2;

const walkUploads = createWalk((behavior) => behavior.upload !== undefined);

/** The uploads of all types. */
export class Uploads {
  readonly #options: UploadsOptions;

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  /** How much of a resource's content has arrived. */
  async getUpload(request: Pick<GetUploadRequest, 'type' | 'id'>): Promise<UploadState> {
    const { resource, sink, facts } = await this.#find(request);
    const { receivedBytes, complete } = await sink.received(resource);
    return {
      receivedBytes: BigInt(receivedBytes),
      sizeBytes: BigInt(facts.sizeBytes),
      complete,
    };
  }

  /** Takes a chunk; the last one returns when the content is verified. See `Library.write`. */
  async writeChunk(
    request: Pick<WriteChunkRequest, 'type' | 'id' | 'offset' | 'data'>,
  ): Promise<ChunkState> {
    const { resource, sink, facts } = await this.#find(request);
    if (resource.deletionRequestedAt !== undefined) throw isGoing(request);
    const chunk = { offset: Number(request.offset), bytes: request.data };
    const { type, id } = request;
    try {
      const { receivedBytes, complete } = await sink.write(resource, chunk, facts);
      const stepOf = (bytes: number) => Math.floor(bytes / progressBytes);
      const hasStepped = stepOf(receivedBytes) > stepOf(chunk.offset);
      if (complete || chunk.offset === 0 || hasStepped) this.#options.poke({ type, id });
      return { receivedBytes: BigInt(receivedBytes), complete };
    } catch (error) {
      this.#options.poke({ type, id });
      throw error;
    } finally {
      await this.#removeIfGone(request, sink);
    }
  }

  /** Removes what a chunk has made after its resource was removed. */
  async #removeIfGone({ type, id }: UploadKey, sink: UploadSink): Promise<void> {
    const resource = await this.#options.resourceOf(type, id);
    if (resource === undefined || resource.deletionRequestedAt !== undefined) await sink.remove(id);
  }

  async #find(key: UploadKey): Promise<Upload> {
    const type = this.#options.types.find(key.type);
    const sink = this.#options.sinks.get(key.type);
    if (type === undefined || sink === undefined) throw noUploads(key.type);
    const resource = await this.#options.resourceOf(key.type, key.id);
    if (resource === undefined) throw notFound(key);
    const facts = uploadFactsOf(type, resource);
    if (facts === undefined) throw notUploaded(key);
    return { resource, sink, facts };
  }
}

/** The facts about the file that a resource has uploaded, or undefined if its spec names none. */
export function uploadFactsOf(type: ResourceType, resource: AnyResource): UploadFacts | undefined {
  let facts: UploadFacts | undefined;
  walkUploads({ desc: type.message, message: resource, path: '' }, ({ field, parent }) => {
    const upload = behaviorOf(field).upload;
    const siblingOf = (name: string | undefined): unknown => {
      const sibling = findField(field.parent, name ?? '');
      return sibling === undefined ? undefined : readField(parent, sibling);
    };
    facts = {
      sizeBytes: Number(siblingOf(upload?.sizeField) ?? 0n),
      sha256: String(siblingOf(upload?.sha256Field) ?? ''),
    };
  });
  return facts;
}

type UploadKey = Pick<GetUploadRequest, 'type' | 'id'>;

interface Upload {
  readonly resource: AnyResource;
  readonly sink: UploadSink;
  readonly facts: UploadFacts;
}

function noUploads(type: TypeName): LimiError {
  return new LimiError({
    code: Code.InvalidArgument,
    reason: 'NO_UPLOADS',
    message: `nothing is uploaded for resources of type ${JSON.stringify(type)}`,
  });
}

function notFound({ type, id }: UploadKey): LimiError {
  return new LimiError({
    code: Code.NotFound,
    reason: 'NOT_FOUND',
    message: `there is no ${type} with the id ${id}`,
  });
}

function notUploaded({ type, id }: UploadKey): LimiError {
  return new LimiError({
    code: Code.FailedPrecondition,
    reason: 'NOT_UPLOADED',
    message: `the content of ${type} ${id} is not uploaded; its spec names another source`,
  });
}

function isGoing({ type, id }: UploadKey): LimiError {
  return new LimiError({
    code: Code.FailedPrecondition,
    reason: 'DELETION_REQUESTED',
    message: `${type} ${id} is being deleted; make a new one to upload to`,
  });
}
