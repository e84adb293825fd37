/**
 * The built provider as a process that Terraform attaches to, as somebody who works on it starts
 * it: commands need neither `init` nor a process of the provider for each of their steps.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { providerBundle } from './paths.js';

/** A provider that waits for Terraform. */
export class AttachedProvider {
  readonly #child: ChildProcess;
  /** What Terraform needs in its environment. */
  readonly environment: Readonly<Record<string, string>>;

  private constructor(child: ChildProcess, reattach: string) {
    this.#child = child;
    this.environment = { TF_REATTACH_PROVIDERS: reattach };
  }

  /**
   * Starts it with settings in its environment, such as LIMIQUANTIX_PROFILE. Relative paths of
   * files to upload start at its working folder, not at Terraform's.
   */
  static async start(
    settings: Readonly<Record<string, string>>,
    cwd?: string,
  ): Promise<AttachedProvider> {
    const { PATH = '', TMPDIR } = process.env;
    const env = { PATH, ...(TMPDIR !== undefined && { TMPDIR }), ...settings };
    const stdio = ['ignore', 'pipe', 'inherit'] as const;
    const options = { env, stdio: [...stdio], ...(cwd !== undefined && { cwd }) };
    const child = spawn(process.execPath, [providerBundle, '-debug'], options);
    let text = '';
    const reattach = await new Promise<string>((resolve, reject) => {
      child.stdout?.on('data', (data: Buffer) => {
        text += data.toString();
        const found = /TF_REATTACH_PROVIDERS='(.*)'/.exec(text)?.[1];
        if (found !== undefined) resolve(found);
      });
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`the provider ended: ${text}`)));
    });
    return new AttachedProvider(child, reattach);
  }

  /** Asks it to end, and waits for that. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
  }
}
