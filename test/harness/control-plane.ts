/** The control plane as a process of its own: started, killed, started again on the same data. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { commandBundle } from './paths.js';
import { until } from './wait.js';

const startDeadlineMs = 30_000;
/** A server has ended this long after it was asked to: two seconds of grace, and a busy machine. */
const stopDeadlineMs = 15_000;

/** How a control plane is run. */
export interface ControlPlaneOptions {
  /** Its data folder; kept over restarts. */
  readonly dir: string;
  readonly port: number;
  /** Further arguments of `limiquantix server`. */
  readonly args: readonly string[];
}

/** A `limiquantix server` process. */
export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  #child: ChildProcess | undefined;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
  }

  /** The profile file that it writes: endpoint, CA, token. */
  get profile(): string {
    return join(this.#options.dir, 'profile.json');
  }

  /** Its log. */
  get log(): string {
    return join(this.#options.dir, '..', 'server.log');
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it and returns when it answers. */
  async start(): Promise<void> {
    const { dir, port, args } = this.#options;
    mkdirSync(dir, { recursive: true });
    const log = openSync(this.log, 'a');
    const argv = [
      commandBundle,
      'server',
      '--data-dir',
      dir,
      '--listen',
      `127.0.0.1:${port}`,
      ...args,
    ];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', log, log], detached: true });
    child.unref();
    this.#child = child;
    await until('the control plane answers', startDeadlineMs, async () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${tail(this.log)}`);
      return existsSync(this.profile) && (await answers(port)) ? true : undefined;
    });
  }

  /** Kills it without a word, as a crash would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks it to end. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.ref();
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
    await ended;
    clearTimeout(late);
    this.#child = undefined;
    if (signal === 'SIGTERM' && child.signalCode === 'SIGKILL') {
      throw new Error(`it had not ended ${stopDeadlineMs} ms after SIGTERM: ${tail(this.log)}`);
    }
  }
}

/** A TCP port on loopback that nothing listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** The last lines of a log, for a failure's message. */
export function tail(path: string, lines = 20): string {
  if (!existsSync(path)) return '';
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
