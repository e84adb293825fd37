/**
 * The process in which targets run: it may hang, run out of memory or die, and `watchdog.ts` sees
 * to it from outside. The input under test is noted in a file before it is run, so that it is
 * known whatever happens.
 */
import { openSync } from 'node:fs';
import { judge } from './judge.js';
import { mutate } from './mutate.js';
import { writeNote } from './note.js';
import { Random, seedOf } from './random.js';
import { type Finding, isFinding, type Outcome, type Target } from './target.js';

/** What the process is told to do. */
export type Task =
  | { readonly kind: 'try'; readonly target: string; readonly input: Uint8Array }
  | {
      readonly kind: 'fuzz';
      readonly target: string;
      readonly seed: number;
      /** The number of the first input, to go on after one that killed a process. */
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

const bytesMaxDefault = 64 * 1024;
/** Inputs whose outcome was a new one are changed further. */
const poolMax = 512;
const findingsMax = 8;

const [, , table, notePath] = process.argv;
if (table === undefined || notePath === undefined) throw new Error('worker.ts <table> <note>');
await serve(table, notePath);

async function serve(tablePath: string, path: string): Promise<void> {
  const { targets } = (await import(tablePath)) as { targets: readonly Target[] };
  const late: unknown[] = [];
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => late.push(error));
  }
  const file = openSync(path, 'r+');
  let runs = 0;
  const note = (input: Uint8Array | undefined): void => {
    runs += 1;
    writeNote(file, { runs, input });
  };
  const say = (answer: Answer): void => {
    process.send?.(answer);
  };
  process.on('message', async (task: Task) => {
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
  say({ kind: 'ready' });
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
