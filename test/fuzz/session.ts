/**
 * One run of the fuzzer over some targets: the corpus first, then new inputs for a time; what is
 * found is made small and kept. It says what it does and how to see a finding again.
 */
import { corpusOf, keep } from './corpus.js';
import { shrink } from './shrink.js';
import { type Finding, isFinding, type Outcome, type Target } from './target.js';
import type { Watchdog } from './watchdog.js';

/** What to do. */
export interface SessionOptions {
  readonly targets: readonly Target[];
  readonly watchdog: Watchdog;
  readonly seed: number;
  /** How long new inputs are made for each target, in milliseconds. */
  readonly msOfTarget: number;
  /** Where new findings are kept; the corpus without it. */
  readonly folder: string | undefined;
  readonly say: (line: string) => void;
}

/** What came of a target. */
export interface TargetReport {
  readonly target: string;
  readonly kept: number;
  readonly inputs: number;
  readonly refused: number;
  readonly findings: readonly Reported[];
}

/** A finding, with where its input is. */
export interface Reported extends Finding {
  readonly path: string;
  readonly bytes: number;
}

const triesMax = 2_000;
/** After a loss a new process must begin, which takes a second. */
const triesWithLossMax = 6;

/** Runs. */
export async function runSession(options: SessionOptions): Promise<TargetReport[]> {
  const reports: TargetReport[] = [];
  for (const target of options.targets) reports.push(await runTarget(target, options));
  return reports;
}

async function runTarget(target: Target, options: SessionOptions): Promise<TargetReport> {
  const { watchdog, seed, msOfTarget, say } = options;
  const { name } = target;
  const findings: Reported[] = [];
  const kept = corpusOf(name);
  for (const { path, input } of kept) {
    const outcome = await watchdog.try(name, input);
    if (!isFinding(outcome)) continue;
    const reported = { ...outcome, path, bytes: input.length };
    findings.push(reported);
    tell(reported, { name, options });
  }
  const { inputs, refused, found } = await watchdog.fuzz({
    ...{ target: name, seed, corpus: kept.map(({ input }) => input) },
    forMs: msOfTarget,
  });
  for (const { finding, input } of found) {
    // To make it small takes minutes where each try hangs: it is told of before.
    say(`${name}: ${finding.kind} with ${input.length} bytes, which are made fewer`);
    const small = await smallest(target, watchdog, { finding, input });
    const path = keep({ target: name, input: small, about: finding.kind, folder: options.folder });
    const reported = { ...finding, path, bytes: small.length };
    findings.push(reported);
    tell(reported, { name, options });
  }
  const count = findings.length === 0 ? 'nothing found' : `${findings.length} FOUND`;
  say(`${name}: ${kept.length} kept, ${inputs} new inputs (${refused} refused), ${count}`);
  return { target: name, kept: kept.length, inputs, refused, findings };
}

async function smallest(
  { name, isText }: Target,
  watchdog: Watchdog,
  { finding, input }: { readonly finding: Finding; readonly input: Uint8Array },
): Promise<Uint8Array> {
  const isLoss = finding.kind === 'hang' || finding.kind === 'crash';
  return shrink(input, {
    shows: async (smaller) => isSame(finding, await watchdog.try(name, smaller, isLoss)),
    triesMax: isLoss ? triesWithLossMax : triesMax,
    plain: isText === true ? 0x61 : 0,
  });
}

const isSame = (finding: Finding, outcome: Outcome): boolean =>
  isFinding(outcome) && outcome.signature === finding.signature;

function tell(
  { kind, what, path, bytes }: Reported,
  { name, options }: { readonly name: string; readonly options: SessionOptions },
): void {
  const lines = what.split('\n').slice(0, 8).join('\n    ');
  options.say(`${name}: ${kind} with the ${bytes} bytes of ${path}\n    ${lines}`);
  const seconds = Math.ceil(options.msOfTarget / 1_000);
  options.say(`  again: make fuzz TARGET=${name} INPUT=${path}`);
  options.say(`  or:    make fuzz TARGET=${name} SEED=${options.seed} SECONDS=${seconds}`);
}
