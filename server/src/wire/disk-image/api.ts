/**
 * Disk files on one host, as callers see them: implemented on node:fs and qemu-img by `host.ts`,
 * and in memory by `fake.ts`. Every file comes to be as `<path>.part` and is renamed when it is
 * complete and on the medium; nothing is ever overwritten. All methods reject with
 * `DiskImageError`.
 */

/** The formats that a disk file can have. */
export type DiskFormat = 'qcow2' | 'raw';

/** What a file that is not complete yet is called after its path, with more behind it or not. */
export const partSuffix = '.part';

/** The space of the filesystem that a directory is on. */
export interface Space {
  readonly totalBytes: number;
  /** What an unprivileged process could still use. */
  readonly availableBytes: number;
}

/** What there is at a path. */
export interface FileFacts {
  readonly kind: 'file' | 'directory' | 'other';
  readonly sizeBytes: number;
  /** What it takes on the medium; less than its size where it has holes. */
  readonly allocatedBytes: number;
}

/**
 * A disk file: where it is and what it is. The format is always told, never guessed from content.
 */
export interface DiskFile {
  readonly path: string;
  readonly format: DiskFormat;
}

/** What a disk file is like. */
export interface DiskInfo {
  /** The size of the disk that it describes. */
  readonly virtualBytes: number;
  /** What it takes on the medium, without its backing file. */
  readonly allocatedBytes: number;
  /** The absolute path of the file that it builds on. */
  readonly backingPath: string | undefined;
}

/** A new disk file. */
export interface NewDisk extends DiskFile {
  readonly virtualBytes: number;
}

/** A new disk file with the content of another. */
export interface DiskClone extends NewDisk {
  readonly source: DiskFile;
  /**
   * `reflink` shares the blocks and needs a filesystem that can; the format stays the source's.
   * `backing` makes a qcow2 that refers to the source, which must then stay.
   */
  readonly method: 'reflink' | 'backing';
}

/** A file that is fetched from elsewhere. */
export interface Reception {
  readonly path: string;
  /** The content's bytes from an offset on. Called once, with what `<path>.part` has already. */
  readonly open: (offset: number) => AsyncIterable<Uint8Array>;
  readonly sizeBytes: number;
  /** The content's SHA-256 in lower-case hexadecimal. */
  readonly sha256: string;
  readonly mode: number;
  readonly signal: AbortSignal;
  /** Told how much has arrived, after each piece. */
  readonly onProgress: (receivedBytes: number) => void;
}

/** A small text file. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/** The disk files of one host. */
export interface DiskImages {
  /** The space where a directory is. */
  space(directory: string): Promise<Space>;
  /** Whether copies in the directory can share blocks; tried out once for each filesystem. */
  supportsReflink(directory: string): Promise<boolean>;
  /**
   * Makes the directory and its parents; `true` if it was not there. Sets the mode of a new one.
   */
  ensureDirectory(directory: string, mode: number): Promise<boolean>;
  /** Removes the directory if it is empty; `false` if it isn't or can't go. Idempotent. */
  removeEmptyDirectory(directory: string): Promise<boolean>;
  /** The names in a directory, sorted; none where it doesn't exist. */
  list(directory: string): Promise<readonly string[]>;
  /** What is at the path, or undefined. */
  stat(path: string): Promise<FileFacts | undefined>;
  /** A text file of at most 64 KiB, or undefined. */
  readText(path: string): Promise<string | undefined>;
  /** Writes a text file; ALREADY_EXISTS if there is one. */
  writeText(file: TextFile): Promise<void>;
  /** What a disk file is like, or undefined where there is none. Works while a machine uses it. */
  info(disk: DiskFile): Promise<DiskInfo | undefined>;
  /** Makes an empty disk; ALREADY_EXISTS if there is a file. */
  create(disk: NewDisk): Promise<void>;
  /** Makes a disk with the content of another; ALREADY_EXISTS if there is a file. */
  clone(clone: DiskClone): Promise<void>;
  /**
   * Grows a disk that nobody uses. Nothing happens if it has the size; WOULD_SHRINK if it has
   * more.
   */
  resize(disk: NewDisk): Promise<void>;
  /**
   * Fetches a file, going on from what an earlier try has left; nothing happens if the file is
   * there. CHECKSUM_MISMATCH if the content isn't as promised, and then nothing of it is kept.
   * When `signal` aborts, CANCELLED, and what has arrived stays.
   */
  receive(reception: Reception): Promise<void>;
  /** Removes a file and its `.part`. Idempotent. */
  remove(path: string): Promise<void>;
}
