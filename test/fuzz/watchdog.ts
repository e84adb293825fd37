/**
 * Runs targets in a thread that may be lost, and knows the input that it was lost over: a hang, an
 * end for want of memory, or a crash is a finding like others. A new thread takes over.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { findingOf } from './judge.js';
import type { Finding, Outcome } from './target.js';
import { type Answer, shared, type Task } from './worker.js';

/** How threads are run. */
export interface WatchdogOptions {
  /** The module with the table of targets. */
  readonly table: string;
  /** How long one input may take, on a machine that has other things to do. */
  readonly hangMs?: number | undefined;
  /** How much its objects may take in all. */
  readonly heapMebibytes?: number | undefined;
}

/** What fuzzing came to. */
export interface Fuzzed {
  readonly inputs: number;
  readonly refused: number;
  readonly found: readonly { readonly finding: Finding; readonly input: Uint8Array }[];
}

const hangMsDefault = 20_000;
const lookEveryMs = 200;
const heapMebibytesDefault = 512;
const lossesMax = 4;

/** A thread that is replaced when it is lost. */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #memory = new SharedArrayBuffer(
    shared.words * Int32Array.BYTES_PER_ELEMENT + shared.bytesMax,
  );
  #worker: Worker | undefined;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** What comes of one input; in haste, one that is known to hang is not waited for so long. */
  async try(target: string, input: Uint8Array, isHasty = false): Promise<Outcome> {
    let outcome: Outcome | undefined;
    const task = { kind: 'try', target, input } as const;
    const onAnswer = (answer: Answer): boolean => {
      if (answer.kind === 'tried') outcome = answer.outcome;
      return answer.kind === 'tried';
    };
    const hangMs = this.#options.hangMs ?? hangMsDefault;
    const loss = await this.#perform(task, onAnswer, isHasty ? hangMs / 8 : hangMs);
    const found = loss ?? outcome;
    if (found === undefined) throw new Error('an input has no outcome');
    return found;
  }

  /** Makes inputs until the time is over, or too much was found. */
  async fuzz(task: Omit<Task & { kind: 'fuzz' }, 'kind' | 'from' | 'known'>): Promise<Fuzzed> {
    await this.#start();
    const endMs = Date.now() + task.forMs;
    const found: { finding: Finding; input: Uint8Array }[] = [];
    let [inputs, refused, from] = [0, 0, 0];
    for (let losses = 0; losses < lossesMax && Date.now() < endMs; losses += 1) {
      const known = found.map(({ finding }) => finding.signature);
      const begun = this.#runs();
      const forMs = endMs - Date.now();
      const more = { ...task, kind: 'fuzz', forMs, from, known } as const;
      const loss = await this.#perform(more, (answer) => {
        if (answer.kind === 'found') found.push(answer);
        if (answer.kind !== 'done') return false;
        inputs += answer.inputs;
        refused += answer.refused;
        return true;
      });
      if (loss === undefined) break;
      const runs = this.#runs() - begun;
      inputs += runs;
      from += runs;
      if (!known.includes(loss.signature)) found.push({ finding: loss, input: this.#input() });
    }
    return { inputs, refused, found };
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  /** Has a task done until `onAnswer` says that it is; the finding where the thread is lost. */
  async #perform(
    task: Task,
    onAnswer: (answer: Answer) => boolean,
    hangMs = this.#options.hangMs ?? hangMsDefault,
  ): Promise<Finding | undefined> {
    const worker = await this.#start();
    return new Promise((resolve) => {
      let [run, sinceMs] = [this.#runs(), Date.now()];
      const end = (loss?: Finding): void => {
        clearInterval(timer);
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        if (loss === undefined) resolve(undefined);
        else this.close().then(() => resolve(loss));
      };
      const timer = setInterval(() => {
        const now = this.#runs();
        if (now !== run) [run, sinceMs] = [now, Date.now()];
        if (Date.now() - sinceMs <= hangMs) return;
        end({ kind: 'hang', what: `no end after ${hangMs} ms`, signature: 'hang' });
      }, lookEveryMs);
      const onMessage = (answer: Answer): void => {
        if (onAnswer(answer)) end();
      };
      const onError = (error: Error): void => end(findingOf('crash', error));
      const onExit = (): void => end(findingOf('crash', new Error('the thread ended')));
      worker.on('message', onMessage).on('error', onError).on('exit', onExit);
      worker.postMessage(task);
    });
  }

  async #start(): Promise<Worker> {
    if (this.#worker !== undefined) return this.#worker;
    const workerData = { memory: this.#memory, table: this.#options.table };
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData,
      execArgv: ['--import', 'tsx', '--disable-warning=ExperimentalWarning'],
      resourceLimits: {
        maxOldGenerationSizeMb: this.#options.heapMebibytes ?? heapMebibytesDefault,
      },
    });
    // It says so when it has loaded the targets, which is nobody's time.
    await once(worker, 'message');
    this.#worker = worker;
    // Whoever has it do something hears of its end; when nobody does, the next has a new one.
    worker.on('error', () => undefined);
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return worker;
  }

  #runs(): number {
    return Atomics.load(new Int32Array(this.#memory, 0, shared.words), shared.run);
  }

  /** The input that was run last. */
  #input(): Uint8Array {
    const length = Atomics.load(new Int32Array(this.#memory, 0, shared.words), shared.length);
    const bytes = new Uint8Array(this.#memory, shared.words * Int32Array.BYTES_PER_ELEMENT);
    return Uint8Array.from(bytes.subarray(0, Math.max(0, length)));
  }
}
