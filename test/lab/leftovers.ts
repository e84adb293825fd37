/**
 * What a lab has on this machine (namespaces, mounts, processes, files), found without the lab's
 * own bookkeeping: after `lab down` it must be nothing.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { referProcess } from '../../server/src/lab/process.js';
import { readState } from '../../server/src/lab/state.js';

/** What a lab has on this machine. */
export interface LabFootprint {
  /** Names of its network namespaces. */
  readonly namespaces: readonly string[];
  /** How many mounts the machine's own mount namespace shows of it. */
  readonly mounts: number;
  /** Names of the processes in its namespaces. */
  readonly processes: readonly string[];
}

/** What the lab called `name` in the folder `dir` has on this machine. */
export function footprintOf(dir: string, name: string): LabFootprint {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  return {
    namespaces: readdirSync('/run/netns')
      .filter((each) => each.startsWith(`${name}-`))
      .sort(),
    mounts: mounts.filter((line) => line.includes(dir) || line.includes(`/${name}-`)).length,
    processes: processNames(namespaceInodes(dir)),
  };
}

/** The network namespaces of a lab, to look for their processes when its records are gone. */
export function namespaceInodes(dir: string): number[] {
  const namespaces = Object.values(readState(dir)?.namespaces ?? {});
  return namespaces.flatMap(({ inode }) => (inode === undefined ? [] : [inode]));
}

/** Fails unless nothing is left of a lab that had these namespaces. */
export function expectNoLab(dir: string, name: string, inodes: readonly number[]): void {
  expect(processNames(inodes)).toEqual([]);
  expect(footprintOf(dir, name)).toEqual({ namespaces: [], mounts: 0, processes: [] });
  expect(existsSync(dir)).toBe(false);
}

function processNames(inodes: readonly number[]): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && referProcess(Number(pid)) !== undefined)
    .filter((pid) => inodes.some((inode) => netOf(pid) === `net:[${inode}]`))
    .map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim())
    .sort();
}

function netOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return ''; // ended meanwhile
  }
}
