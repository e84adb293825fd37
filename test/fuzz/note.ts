/**
 * What a process writes down before it runs an input: the number of its runs and the input itself.
 * The kernel keeps it when the process is killed.
 */
import { readSync, writeSync } from 'node:fs';

/** The number of runs so far, and the input of the last; undefined when nothing is run. */
export interface Note {
  readonly runs: number;
  readonly input: Uint8Array | undefined;
}

const headBytes = 8;
const lengthAt = 4;
const inputBytesMax = 1024 * 1024;
const written = Buffer.alloc(headBytes + inputBytesMax);

/** Writes a note over the last one, in one call. */
export function writeNote(file: number, { runs, input }: Note): void {
  const bytes = input?.subarray(0, inputBytesMax) ?? [];
  written.writeUInt32LE(runs);
  written.writeInt32LE(input === undefined ? -1 : bytes.length, lengthAt);
  written.set(bytes, headBytes);
  writeSync(file, written, 0, headBytes + bytes.length, 0);
}

/** How many runs the note counts, without its input. */
export function readRuns(file: number): number {
  const head = Buffer.alloc(headBytes);
  readSync(file, head, 0, headBytes, 0);
  return head.readUInt32LE();
}

/** The input of the last run; empty when nothing was run. */
export function readInput(file: number): Uint8Array {
  const bytes = Buffer.alloc(headBytes + inputBytesMax);
  readSync(file, bytes, 0, bytes.length, 0);
  const length = Math.max(0, bytes.readInt32LE(lengthAt));
  return Uint8Array.from(bytes.subarray(headBytes, headBytes + length));
}
