/**
 * Runs targets in a process that may be lost, and knows the input that it was lost over: a hang, an
 * end for want of memory, or a crash is a finding like others. A new process takes over. A thread
 * would not do: where its heap is full, V8 may end the whole process.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findingOf } from './judge.js';
import { readInput, readRuns, writeNote } from './note.js';
import type { Finding, Outcome } from './target.js';
import type { Answer, Task } from './worker.js';

/** How processes are run. */
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

/** So much of the end of what a process wrote to its standard error is kept. */
const complaintCharsMax = 16_384;

/** A process that is replaced when it is lost. */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'limiquantix-fuzz-note-'));
  readonly #notePath = join(this.#folder, 'note');
  readonly #note = openSync(this.#notePath, 'w+');
  #worker: ChildProcess | undefined;
  #complaint = '';

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
      await this.#start();
      const begun = readRuns(this.#note);
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
      const runs = readRuns(this.#note) - begun;
      inputs += runs;
      from += runs;
      if (!known.includes(loss.signature))
        found.push({ finding: loss, input: readInput(this.#note) });
    }
    return { inputs, refused, found };
  }

  /** Ends the process. */
  async close(): Promise<void> {
    await this.#end();
    closeSync(this.#note);
    rmSync(this.#folder, { recursive: true });
  }

  /** Has a task done until `onAnswer` says that it is; the finding where the process is lost. */
  async #perform(
    task: Task,
    onAnswer: (answer: Answer) => boolean,
    hangMs = this.#options.hangMs ?? hangMsDefault,
  ): Promise<Finding | undefined> {
    const worker = await this.#start();
    return new Promise((resolve) => {
      let [run, sinceMs] = [readRuns(this.#note), Date.now()];
      const end = (loss?: Finding): void => {
        clearInterval(timer);
        worker.off('message', onMessage).off('close', onClose);
        if (loss === undefined) resolve(undefined);
        else this.#end().then(() => resolve(loss));
      };
      const timer = setInterval(() => {
        const now = readRuns(this.#note);
        if (now !== run) [run, sinceMs] = [now, Date.now()];
        if (Date.now() - sinceMs <= hangMs) return;
        end({ kind: 'hang', what: `no end after ${hangMs} ms`, signature: 'hang' });
      }, lookEveryMs);
      const onMessage = (answer: Answer): void => {
        if (onAnswer(answer)) end();
      };
      const onClose = (): void => end(findingOf('crash', new Error(this.#lastWords())));
      worker.on('message', onMessage).on('close', onClose);
      worker.send(task);
    });
  }

  async #start(): Promise<ChildProcess> {
    if (this.#worker !== undefined) return this.#worker;
    const { table, heapMebibytes = heapMebibytesDefault } = this.#options;
    writeNote(this.#note, { runs: 0, input: undefined });
    const worker = fork(new URL('./worker.ts', import.meta.url), [table, this.#notePath], {
      execArgv: [
        ...['--import', 'tsx', '--disable-warning=ExperimentalWarning'],
        `--max-old-space-size=${heapMebibytes}`,
      ],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#complaint = '';
    worker.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = `${this.#complaint}${text}`.slice(-complaintCharsMax);
    });
    // It says so when it has loaded the targets, which is nobody's time.
    const [first] = await Promise.race([once(worker, 'message'), once(worker, 'close')]);
    if ((first as Answer | undefined)?.kind !== 'ready') {
      throw new Error(`the targets of ${table} do not load: ${this.#complaint}`);
    }
    this.#worker = worker;
    // Whoever has it do something hears of its end; when nobody does, the next has a new one.
    worker.once('close', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return worker;
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    const closed = once(worker, 'close');
    worker.kill('SIGKILL');
    await closed;
  }

  /** Why the process ended, of what it wrote last: one that is the same the next time. */
  #lastWords(): string {
    const reason = /JavaScript heap out of memory|^\w*Error: .*$/m.exec(this.#complaint)?.[0];
    return reason ?? `the process ended: ${this.#complaint.trim().split('\n').at(-1) ?? ''}`;
  }
}
