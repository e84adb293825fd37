/**
 * Running programs and telling processes apart. A process is known by its id and start time, so
 * that a recycled id is never taken for the process that had it before.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { labError } from './error.js';

/** A process that stays recognizable after its id has been recycled. */
export interface ProcessRef {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks after boot. */
  readonly startTime: string;
}

/** What lab programs are found by, whatever the caller's PATH is. */
export const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const commandTimeoutMs = 30_000;
const outputBytesMax = 4 * 1024 * 1024;
const pollMs = 15;
const run = promisify(execFile);

/** Runs a program to its end and returns what it printed; throws with its stderr otherwise. */
export async function runProgram(argv: readonly string[], input?: string): Promise<string> {
  const [program = '', ...args] = argv;
  const promise = run(program, args, {
    env: { PATH: systemPath, LC_ALL: 'C' },
    timeout: commandTimeoutMs,
    maxBuffer: outputBytesMax,
  });
  // A program that ends without reading its input tells so by its exit code.
  promise.child.stdin?.on('error', () => undefined);
  promise.child.stdin?.end(input);
  try {
    return (await promise).stdout;
  } catch (cause) {
    const stderr = (cause as { stderr?: string }).stderr?.trim() ?? '';
    throw labError(`'${argv.slice(0, 4).join(' ')}' failed: ${stderr.split('\n').at(-1) ?? ''}`, {
      detail: stderr,
      cause,
    });
  }
}

/** The reference of a running process; undefined when there is none (or only its zombie). */
export function referProcess(pid: number): ProcessRef | undefined {
  const stat = readOrUndefined(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name (field 2) is in parentheses and may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTime = fields[19];
  return fields[0] === 'Z' || startTime === undefined ? undefined : { pid, startTime };
}

/** Whether exactly that process still runs. */
export function isAlive(ref: ProcessRef): boolean {
  return referProcess(ref.pid)?.startTime === ref.startTime;
}

/** Sends a signal to exactly that process; false when it was gone. */
export function signal(ref: ProcessRef, name: NodeJS.Signals): boolean {
  if (!isAlive(ref)) return false;
  try {
    process.kill(ref.pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Processes whose network namespace has this inode number. */
export function processesInNamespace(inode: number): ProcessRef[] {
  const found: ProcessRef[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    if (namespaceOf(Number(entry), 'net') !== inode) continue;
    const ref = referProcess(Number(entry));
    if (ref !== undefined) found.push(ref);
  }
  return found;
}

/** The children of a process, in any pid namespace. */
export function childrenOf(pid: number): ProcessRef[] {
  const list = readOrUndefined(`/proc/${pid}/task/${pid}/children`) ?? '';
  return list.split(' ').flatMap((child) => (child === '' ? [] : (referProcess(+child) ?? [])));
}

/** Waits until the condition gives a value; throws `what` failed after the deadline. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  condition: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw labError(`${what}: not within ${timeoutMs / 1000} s`);
    await sleep(pollMs);
  }
}

/** A file's text; undefined when it is not there or its process has ended. */
export function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function namespaceOf(pid: number, kind: string): number | undefined {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/${kind}`))?.[1]);
  } catch {
    return undefined; // ended meanwhile, or a kernel thread
  }
}
