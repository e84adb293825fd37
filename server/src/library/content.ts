/**
 * What an image's content is, told from its first bytes and what its owner says of it. Pure.
 * Content that refers to other files, or that is no disk at all, is refused with words on what to
 * do.
 */
import type { DiskFormat } from '../wire/disk-image/api.js';
import {
  isQcow2,
  parseQcow2Header,
  qcow2HeaderBytes,
  refuseForeignQcow2,
} from '../wire/disk-image/qcow2-header.js';

/** What is known of some content. */
export interface ContentHead {
  /** Its first bytes: `headBytes` of them, or all where it has fewer. */
  readonly head: Uint8Array;
  readonly sizeBytes: number;
  /** The format that its owner says it has. */
  readonly declared: DiskFormat | undefined;
}

/** What the content is. */
export type ContentFacts =
  | { readonly format: DiskFormat; readonly virtualBytes: number }
  /** Why it can't be taken, in words that follow `the content`. */
  | { readonly refusal: string };

/** How much of the beginning `judgeContent` needs. */
export const headBytes = Math.max(qcow2HeaderBytes, 512);

const sectorBytes = 512;

/** What a disk never begins with, and people upload by mistake. */
const mistaken: readonly (readonly [string, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
  ['VMDK', [0x4b, 0x44, 0x4d, 0x56]],
  ['VHDX', [0x76, 0x68, 0x64, 0x78, 0x66, 0x69, 0x6c, 0x65]],
];

/** Tells what the content is. */
export function judgeContent({ head, sizeBytes, declared }: ContentHead): ContentFacts {
  if (declared === 'raw') return raw(sizeBytes);
  if (isQcow2(head)) return judgeQcow2(head);
  if (declared === 'qcow2') return { refusal: 'is not a qcow2; correct format, or leave it out' };
  const other = mistaken.find(([, magic]) => magic.every((byte, index) => head[index] === byte));
  if (other === undefined) return raw(sizeBytes);
  const [name] = other;
  return { refusal: `looks like ${name}; unpack or convert it, or say that its format is raw` };
}

function raw(sizeBytes: number): ContentFacts {
  return { format: 'raw', virtualBytes: Math.ceil(sizeBytes / sectorBytes) * sectorBytes };
}

function judgeQcow2(head: Uint8Array): ContentFacts {
  const header = parseQcow2Header(head);
  if ('fault' in header) return { refusal: `is a damaged qcow2: ${header.fault}` };
  const refusal = refuseForeignQcow2(header);
  if (refusal !== undefined) return { refusal };
  return { format: 'qcow2', virtualBytes: header.virtualBytes };
}
