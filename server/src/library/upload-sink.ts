/** What takes the content that clients upload for resources of one type. */
import type { AnyResource } from '../resource/resource.js';
import type { Chunk, Received } from './library.js';

/** The facts about an uploaded file that its resource states. */
export interface UploadFacts {
  readonly sizeBytes: number;
  /** The SHA-256 in lower-case hexadecimal. */
  readonly sha256: string;
}

/** Takes content for resources of one type. */
export interface UploadSink {
  /** How much of a resource's content has arrived. */
  received(resource: AnyResource): Promise<Received>;
  /** Adds a chunk; with the last one, the content is verified. See `Library.write`. */
  write(resource: AnyResource, chunk: Chunk, facts: UploadFacts): Promise<Received>;
  /** Removes what has arrived for a resource that is no longer there. */
  remove(resourceId: string): Promise<void>;
}
