/**
 * Judges what a target does with one input: the error, the processor time and the memory that it
 * takes. Time and memory are measured again before they count: what is made once, and a busy
 * machine, is nobody's fault.
 */
import { getHeapStatistics } from 'node:v8';
import { type Finding, type Outcome, Outside, type Target } from './target.js';

const bytesPerByteDefault = 400;
const nsPerByteDefault = 10_000;
/** What any input may take, however short: compiled code and tables that are made once. */
const freeBytesDefault = 16 * 1024 ** 2;
const freeMsDefault = 1_000;
const nsOfMs = 1_000_000;
const usOfMs = 1_000;
const repeats = 2;

/** Runs one input; never throws. `late` are errors that nobody caught while it ran. */
export async function judge(
  target: Target,
  input: Uint8Array,
  late: readonly unknown[],
): Promise<Outcome> {
  const first = await attempt(target, input, late);
  if (!isOver(target, input, first)) return first.outcome;
  const again: Attempt[] = [];
  // All results are held: what is collected during an attempt would make it look smaller.
  for (let i = 0; i < repeats; i += 1) again.push(await attempt(target, input, late));
  const measured = {
    ...first,
    cpuMs: Math.min(first.cpuMs, ...again.map((one) => one.cpuMs)),
    bytes: Math.max(...again.map((one) => one.bytes)),
  };
  return isOver(target, input, measured) ?? first.outcome;
}

interface Attempt {
  readonly outcome: Outcome;
  readonly cpuMs: number;
  /** What was allocated: at least so much. */
  readonly bytes: number;
  /** What came out, so that it isn't collected. */
  readonly result: unknown;
}

async function attempt(
  target: Target,
  input: Uint8Array,
  late: readonly unknown[],
): Promise<Attempt> {
  // Its own copy: a decoder that writes into its input is found by the next run.
  const given = Buffer.from(input);
  const before = late.length;
  const bytesBefore = allocated();
  const cpuBefore = process.cpuUsage();
  let outcome: Outcome = { kind: 'decoded' };
  let result: unknown;
  try {
    result = target.run(given);
    if (result instanceof Promise) {
      result = await result;
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    outcome = outcomeOf(target, error);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  const bytes = allocated() - bytesBefore;
  if (late.length > before) outcome = findingOf('crash', late[before]);
  return { outcome, cpuMs: (user + system) / usOfMs, bytes, result };
}

function allocated(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

function isOver(
  target: Target,
  { length }: Uint8Array,
  { cpuMs, bytes }: Attempt,
): Finding | undefined {
  const { bytesPerByte = bytesPerByteDefault, nsPerByte = nsPerByteDefault } = target;
  const msMax = (target.freeMs ?? freeMsDefault) + (length * nsPerByte) / nsOfMs;
  if (cpuMs > msMax) {
    const what = `${cpuMs.toFixed(0)} ms for ${length} bytes, where ${msMax.toFixed(0)} are allowed`;
    return { kind: 'slow', what, signature: 'slow' };
  }
  const bytesMax = (target.freeBytes ?? freeBytesDefault) + length * bytesPerByte;
  if (bytes <= bytesMax) return undefined;
  const what = `${bytes} bytes allocated for ${length}, where ${bytesMax} are allowed`;
  return { kind: 'memory', what, signature: 'memory' };
}

function outcomeOf(target: Target, error: unknown): Outcome {
  if (error instanceof Outside || target.isRefusal(error))
    return { kind: 'refused', why: wordsOf(error) };
  return findingOf('error', error);
}

/** An error as a finding. */
export function findingOf(kind: Finding['kind'], error: unknown): Finding {
  const stack = error instanceof Error ? String(error.stack) : String(error);
  const place = /\n\s+at .*?(\(|at )([^()\n]*?):\d+\)?(?=\n|$)/.exec(stack)?.[2] ?? '';
  const words = wordsOf(error);
  return { kind, what: stack, signature: `${kind} ${words} ${place.replace(/.*\//, '')}` };
}

/** Texts in quotes and figures come from the input: an error is the same without them. */
function wordsOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const plain = text.slice(0, 400).replace(/"(?:[^"\\]|\\.)*"?|'[^']*'?/g, '""');
  return plain.replace(/[0-9a-f]*\d[0-9a-f]*/gi, '0').slice(0, 160);
}
