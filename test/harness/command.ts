/** Runs other programs for the harness and gives their output, or an error that has it. */
import { execFile } from 'node:child_process';

const outputMax = 64 * 1024 * 1024;
const deadlineMs = 60_000;

/** How a program ended. */
export interface EndedCommand {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever that is; throws where it can't be run or takes too long. */
export async function endOfCommand(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<EndedCommand> {
  return new Promise((resolve, reject) => {
    const options = {
      env: { ...process.env, ...environment },
      maxBuffer: outputMax,
      timeout: deadlineMs,
    };
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(new Error(`${[program, ...args].join(' ')}: ${error?.message}\n${stderr}`));
    });
  });
}

/** Runs a program to its end; throws with its output when it fails. */
export async function runCommand(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await endOfCommand(program, args, environment);
  if (code === 0) return stdout;
  throw new Error(`${[program, ...args].join(' ')} ended with ${code}\n${stderr}`);
}
