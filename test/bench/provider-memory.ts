/** The memory that provider processes reach while something else goes on. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** As much of the name as Linux keeps of a process. */
const comm = 'terraform-provi';
const periodMs = 100;
const kibibytesOfMebibyte = 1024;

/** Does the work; gives its result and the most that one provider process had, in MiB. */
export async function watchingProviders<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly peakMib: number }> {
  let peakMib = 0;
  const timer = setInterval(() => {
    peakMib = Math.max(peakMib, ...processes().map(peakOf));
  }, periodMs);
  try {
    const result = await work();
    return { result, peakMib };
  } finally {
    clearInterval(timer);
  }
}

/** What Node alone takes, in MiB. */
export function bareNodeMib(): number {
  const script = 'process.stdout.write(String(process.memoryUsage().rss))';
  return Number(execFileSync(process.execPath, ['-e', script])) / kibibytesOfMebibyte ** 2;
}

function processes(): string[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && read(pid, 'comm') === comm);
}

function peakOf(pid: string): number {
  const [, kibibytes = '0'] = /^VmHWM:\s+(\d+) kB/m.exec(read(pid, 'status')) ?? [];
  return Number(kibibytes) / kibibytesOfMebibyte;
}

/** A file of a process; empty where the process is gone. */
function read(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8').trim();
  } catch {
    return '';
  }
}
