/**
 * The user's local files, whose content is uploaded. The port that the engine plans and uploads
 * through.
 */
import type { FileFacts } from './private-state.js';

/** An open file. */
export interface OpenFile {
  readonly sizeBytes: number;
  /** Reads at most `length` bytes from `offset` on; fewer only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Local files, by the path as the user wrote it. */
export interface Files {
  /**
   * Size, time and hash; `known` saves hashing a file that hasn't changed. Throws if there is no
   * file.
   */
  facts(path: string, known: FileFacts | undefined): Promise<FileFacts>;
  open(path: string): Promise<OpenFile>;
}
