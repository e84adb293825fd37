/**
 * The tool `qemu-img`, one process for each call, without a shell: a bounded number at once, a
 * bounded queue, and an end for those that hang. It writes where it is told; `host.ts` decides
 * where that is.
 */
import { execFile } from 'node:child_process';
import type { DiskFormat } from './api.js';
import { DiskImageError, fromToolFailure } from './errors.js';

/** How the tool is run. */
export interface QemuImgOptions {
  /** The program; `qemu-img` on the path without it. */
  readonly command?: string;
  /** Processes at once. */
  readonly processesMax?: number;
  /** How long one may take. */
  readonly timeoutMs?: number;
}

const processesMaxDefault = 4;
const timeoutMsDefault = 120_000;
/** Calls that may wait for a process. */
const waitingMax = 4096;
const outputBytesMax = 1024 ** 2;

/** A new qcow2. */
export interface QemuImgCreate {
  readonly path: string;
  readonly virtualBytes: number;
  /** The file that it builds on; a relative path is relative to the new file's directory. */
  readonly backing?: { readonly path: string; readonly format: DiskFormat };
}

/** Runs `qemu-img`. */
export class QemuImg {
  readonly #command: string;
  readonly #processesMax: number;
  readonly #timeoutMs: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: QemuImgOptions = {}) {
    this.#command = options.command ?? 'qemu-img';
    this.#processesMax = options.processesMax ?? processesMaxDefault;
    this.#timeoutMs = options.timeoutMs ?? timeoutMsDefault;
  }

  /** Makes a qcow2; overwrites what is there. */
  async create(disk: QemuImgCreate): Promise<void> {
    const { backing } = disk;
    const base = backing === undefined ? [] : ['-b', backing.path, '-F', backing.format];
    await this.#run(['create', '-q', '-f', 'qcow2', ...base, disk.path, `${disk.virtualBytes}`]);
  }

  /** Grows a disk. Fails while another process has it open. */
  async resize(disk: { path: string; format: DiskFormat; virtualBytes: number }): Promise<void> {
    await this.#run(['resize', '-q', '-f', disk.format, disk.path, `${disk.virtualBytes}`]);
  }

  async #run(parameters: readonly string[]): Promise<void> {
    await this.#enter();
    try {
      await this.#spawn(parameters);
    } finally {
      this.#leave();
    }
  }

  #spawn(parameters: readonly string[]): Promise<void> {
    const limits = { timeout: this.#timeoutMs, killSignal: 'SIGKILL', maxBuffer: outputBytesMax };
    return new Promise((resolve, reject) => {
      execFile(
        this.#command,
        parameters,
        limits as { killSignal: 'SIGKILL' },
        (error, _, stderr) => {
          if (error === null) resolve();
          else if (error.code === 'ENOENT') reject(missing(error));
          else if (error.killed === true) reject(timedOut(this.#timeoutMs));
          else reject(fromToolFailure(stderr, error));
        },
      );
    });
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#processesMax) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= waitingMax) {
      throw new DiskImageError({
        reason: 'OVERLOADED',
        message: `more than ${waitingMax} calls wait for qemu-img; try again later`,
      });
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}

function missing(cause: unknown): DiskImageError {
  return new DiskImageError({
    reason: 'NOT_SUPPORTED',
    message: 'qemu-img is not installed on the host; install the package qemu-utils',
    cause,
  });
}

function timedOut(timeoutMs: number): DiskImageError {
  return new DiskImageError({
    reason: 'TIMED_OUT',
    message: `qemu-img did not end within ${timeoutMs} ms; check the storage of the host`,
  });
}
