/** The command line in this process, against a control plane with simulated nodes of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cli } from '../../server/src/bin/cli.js';
import { type RunningServer, startServer } from '../../server/src/bin/compose-server.js';
import { systemClock } from '../../server/src/bin/effects.js';
import type { Environment } from '../../server/src/bin/profile.js';
import { runProgram } from '../../server/src/bin/program.js';
import { silentLog } from '../../server/src/log.js';
import type { Clock } from '../../server/src/reconcile/clock.js';

/** What a command left. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run. */
export interface RunOptions {
  readonly env?: Environment;
  readonly stdin?: string;
  readonly isTerminal?: boolean;
  readonly signal?: AbortSignal;
  /** Is told each text that is written to standard error. */
  readonly onProgress?: (text: string) => void;
}

/** A control plane with its command line. */
export class CommandLine {
  private constructor(
    readonly directory: string,
    readonly server: RunningServer,
  ) {}

  /** Starts a control plane with simulated nodes. */
  static async start(simulate = 1, clock: Clock = systemClock): Promise<CommandLine> {
    const directory = await mkdtemp(join(tmpdir(), 'lqx-command-'));
    const server = await startServer({
      dataDirectory: directory,
      listen: ['127.0.0.1:0'],
      names: [],
      simulate,
      clock,
      random: Math.random,
      log: silentLog,
      version: 'test',
    });
    return new CommandLine(directory, server);
  }

  /** Stops it and removes what it kept. */
  async stop(): Promise<void> {
    await this.server.stop();
    await rm(this.directory, { recursive: true });
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const { env = {}, stdin = '', isTerminal = false, signal, onProgress } = options;
    let [stdout, stderr] = ['', ''];
    const cli: Cli = {
      env: { LIMIQUANTIX_PROFILE: this.server.profilePath, ...env },
      stdout: {
        isTerminal,
        write: (text) => {
          stdout += text;
        },
      },
      stderr: {
        isTerminal,
        write: (text) => {
          stderr += text;
          onProgress?.(text);
        },
      },
      readStdin: async () => stdin,
      nowMs: () => Date.now(),
      signal: signal ?? new AbortController().signal,
    };
    return { code: await runProgram(cli, args), stdout, stderr };
  }
}
