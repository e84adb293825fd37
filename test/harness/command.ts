/** Runs other programs for the harness and gives their output, or an error that has it. */
import { execFile } from 'node:child_process';

const outputMax = 64 * 1024 * 1024;
const deadlineMs = 60_000;

/** Runs a program to its end; throws with its output when it fails. */
export async function runCommand(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      env: { ...process.env, ...environment },
      maxBuffer: outputMax,
      timeout: deadlineMs,
    };
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${[program, ...args].join(' ')}: ${error.message}\n${stderr}`));
    });
  });
}
