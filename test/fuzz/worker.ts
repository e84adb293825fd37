/**
 * The thread in which targets run: it may hang, run out of memory or die, and `watchdog.ts` sees to
 * it from outside. The input under test is written to shared memory before it is run, so that it
 * is known whatever happens.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { judge } from './judge.js';
import { mutate } from './mutate.js';
import { Random, seedOf } from './random.js';
import { type Finding, isFinding, type Outcome, type Target } from './target.js';

/** Where the number of the run, the input's length and the input are in the shared memory. */
export const shared = { run: 0, length: 1, words: 2, bytesMax: 1024 * 1024 };

/** What the thread is told to do. */
export type Task =
  | { readonly kind: 'try'; readonly target: string; readonly input: Uint8Array }
  | {
      readonly kind: 'fuzz';
      readonly target: string;
      readonly seed: number;
      /** The number of the first input, to go on after one that killed a thread. */
      readonly from: number;
      readonly forMs: number;
      readonly corpus: readonly Uint8Array[];
      /** Signatures of what was found before. */
      readonly known: readonly string[];
    };

/** What it answers: findings as they come, then the end. */
export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'tried'; readonly outcome: Outcome }
  | { readonly kind: 'found'; readonly finding: Finding; readonly input: Uint8Array }
  | { readonly kind: 'done'; readonly inputs: number; readonly refused: number };

interface Given {
  readonly memory: SharedArrayBuffer;
  /** The module with the table of targets. */
  readonly table: string;
}

const bytesMaxDefault = 64 * 1024;
/** Inputs whose outcome was a new one are changed further. */
const poolMax = 512;
const findingsMax = 8;

const port = parentPort;
if (port !== null) await serve(port, workerData as Given);

async function serve(to: NonNullable<typeof port>, { memory, table }: Given): Promise<void> {
  const { targets } = (await import(table)) as { targets: readonly Target[] };
  const late: unknown[] = [];
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => late.push(error));
  }
  const note = noteIn(memory);
  const say = (answer: Answer): void => to.postMessage(answer);
  say({ kind: 'ready' });
  to.on('message', async (task: Task) => {
    const target = targets.find(({ name }) => name === task.target);
    if (target === undefined) throw new Error(`there is no target ${task.target}`);
    const run = (input: Uint8Array): Promise<Outcome> => {
      note(input);
      return judge(target, input, late);
    };
    if (task.kind === 'try') say({ kind: 'tried', outcome: await run(task.input) });
    else await fuzz({ target, task, run, say });
    note(undefined);
  });
}

/** Writes what is run to the shared memory; undefined when nothing is. */
function noteIn(memory: SharedArrayBuffer): (input: Uint8Array | undefined) => void {
  const head = new Int32Array(memory, 0, shared.words);
  const bytes = new Uint8Array(memory, shared.words * Int32Array.BYTES_PER_ELEMENT);
  return (input) => {
    if (input !== undefined) bytes.set(input.subarray(0, shared.bytesMax));
    Atomics.store(head, shared.length, input?.length ?? -1);
    Atomics.add(head, shared.run, 1);
  };
}

interface Fuzzing {
  readonly target: Target;
  readonly task: Task & { readonly kind: 'fuzz' };
  readonly run: (input: Uint8Array) => Promise<Outcome>;
  readonly say: (answer: Answer) => void;
}

async function fuzz({ target, task, run, say }: Fuzzing): Promise<void> {
  const pool = [...task.corpus];
  const seen = new Set<string>();
  const known = new Set(task.known);
  let inputs = 0;
  let refused = 0;
  const endMs = Date.now() + task.forMs;
  while (Date.now() < endMs && known.size < findingsMax) {
    const random = new Random(seedOf(task.seed, target.name, task.from + inputs));
    const input = nextInput(target, random, pool);
    const outcome = await run(input);
    inputs += 1;
    if (isFinding(outcome)) {
      if (known.has(outcome.signature)) continue;
      known.add(outcome.signature);
      say({ kind: 'found', finding: outcome, input });
    } else if (outcome.kind === 'refused') {
      refused += 1;
      if (seen.has(outcome.why) || pool.length >= poolMax) continue;
      seen.add(outcome.why);
      pool.push(input);
    }
  }
  say({ kind: 'done', inputs, refused });
}

/** The next input: made, or changed from one that was made or kept, or nothing but chance. */
function nextInput(target: Target, random: Random, pool: readonly Uint8Array[]): Uint8Array {
  const { isText = false, words = [], bytesMax = bytesMaxDefault } = target;
  if (random.chance(0.03)) return random.bytes(random.size(200));
  const isKept = pool.length > 0 && random.chance(0.4);
  const base = isKept ? random.pick(pool) : target.make(random);
  if (!isKept && random.chance(0.2)) return base;
  return mutate(base, random, { isText, words, others: pool, bytesMax });
}
