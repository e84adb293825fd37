/**
 * Where suites find real files to work on: the machine's directory for temporary files and, where
 * LIMIQUANTIX_REFLINK_DIRECTORY names one, a directory on a filesystem that shares blocks (xfs,
 * btrfs).
 */
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';

/** Whether `qemu-img` is installed. */
export const hasQemuImg: boolean = spawnSync('qemu-img', ['--version']).status === 0;

/** Directories to make scratch directories in; none where `qemu-img` is missing. */
export const realDirectories: readonly string[] = hasQemuImg
  ? [tmpdir(), process.env['LIMIQUANTIX_REFLINK_DIRECTORY'] ?? ''].filter((path) => path !== '')
  : [];
