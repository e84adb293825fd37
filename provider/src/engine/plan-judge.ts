/**
 * Asks the control plane what a plan would come to, as far as it is known, and tells it: what would
 * be refused and what there is not enough of are errors of the plan; where a new machine would go
 * is shown. All requests of a process are judged together.
 */
import type { Check } from '@limiquantix/proto/validation/check.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import { pathText } from '../value/path.js';
import { hasUnknown, type ObjectValue } from '../value/value.js';
import { type Api, ApiError, type Judgement, type JudgeQuestion } from './api.js';
import { type Attempt, apiDiagnostics } from './api-diagnostics.js';
import { type Diagnostic, problem, warning } from './diagnostic.js';
import { knownPart } from './known-part.js';
import { locate } from './locate.js';
import { updateMask } from './mask.js';
import { withSecrets } from './overlay.js';
import type { Plan, PlanQuestion } from './plan.js';
import { resourceToMessage } from './to-message.js';

/** What judging needs from outside. */
export interface PlanJudgeEffects {
  readonly check: Check;
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** A refusal is told when no other change was planned for so long: one of them may make room. */
const quietMs = 250;
/** A refusal is told after this in any case. */
const patienceMs = 10_000;
/** New machines whose node is shown; what else is to be said comes first in a large plan. */
const placementsShownMax = 20;

/** Judges the plans of one process. */
export class PlanJudge {
  readonly #effects: PlanJudgeEffects;
  #lastPlanMs = 0;
  #placementsShown = 0;
  #isApplying = false;
  /** Why nothing can be judged any more; told once. */
  #isOut = false;

  constructor(effects: PlanJudgeEffects) {
    this.#effects = effects;
  }

  /** Changes are being made: from now on, they tell themselves. */
  applying(): void {
    this.#isApplying = true;
  }

  /** What there is to tell of a planned change. */
  async judge(
    shape: ResourceShape,
    asked: PlanQuestion,
    plan: Plan,
    api: Api,
  ): Promise<Diagnostic[]> {
    this.#lastPlanMs = this.#effects.nowMs();
    const isHopeless = plan.diagnostics.some(({ severity }) => severity === 'error');
    if (this.#isApplying || this.#isOut || isHopeless) return [];
    const question = this.#question(shape, asked, plan);
    if (question === undefined) return [];
    const name = String(plan.planned?.['name'] ?? asked.prior?.['name'] ?? '');
    const attempt: Attempt = { verb: question.kind, name };
    const isCut = hasUnknown(asked.config);
    const ask = () => this.#ask(shape, question, { attempt, isCut }, api);
    const first = await ask();
    if (!first.some(({ severity }) => severity === 'error') || this.#isOut) {
      return this.#limited(first);
    }
    await this.#quiet();
    if (this.#isApplying) return [];
    return this.#limited(await ask());
  }

  /** What to ask; undefined where nothing can be said yet. */
  #question(
    shape: ResourceShape,
    { prior, config }: PlanQuestion,
    { planned, replace, follows }: Plan,
  ): JudgeQuestion | undefined {
    if (planned === null || (prior !== null && replace.length > 0)) {
      return prior === null ? undefined : { kind: 'delete', id: String(prior['id']) };
    }
    const whole = withSecrets(shape.object, planned, config ?? {});
    if (prior !== null) return updateQuestion(shape, prior, whole, follows);
    const { message, issues } = resourceToMessage(shape, knownPart(shape.object, whole));
    const isWhole = issues.length === 0 && this.#effects.check(shape.message, message).length === 0;
    return isWhole ? { kind: 'create', resource: message } : undefined;
  }

  async #ask(
    shape: ResourceShape,
    question: JudgeQuestion,
    { attempt, isCut }: { readonly attempt: Attempt; readonly isCut: boolean },
    api: Api,
  ): Promise<Diagnostic[]> {
    try {
      const judgement = await api.judge(shape, question);
      return judgement === undefined ? [] : toldOf(shape, attempt, judgement);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // What was left out of the question may be what a field that is in it means.
      if (isCut && question.kind === 'create' && error.reason === 'INVALID_FIELD') return [];
      // Apply tells of a deletion that is refused: what stands in its way may go before it.
      const isRefusal = refusals.has(error.code) || error.violations.length > 0;
      if (isRefusal) {
        return question.kind === 'delete' ? [] : apiDiagnostics(shape, attempt, error);
      }
      // Who may only look may plan as well; what can't be asked is told once.
      if (error.code === 'permission_denied' || this.#isOut) return [];
      this.#isOut = true;
      return [unjudged(error)];
    }
  }

  /** Resolves when no change was planned for a while. */
  async #quiet(): Promise<void> {
    const { nowMs, sleep } = this.#effects;
    const endMs = nowMs() + patienceMs;
    for (let now = nowMs(); now < endMs && !this.#isApplying; now = nowMs()) {
      const restMs = this.#lastPlanMs + quietMs - now;
      if (restMs <= 0) return;
      await sleep(restMs);
    }
  }

  #limited(diagnostics: Diagnostic[]): Diagnostic[] {
    return diagnostics.filter(({ summary }) => {
      if (!summary.startsWith(placementSummary)) return true;
      this.#placementsShown += 1;
      return this.#placementsShown <= placementsShownMax;
    });
  }
}

/** Codes by which the control plane refuses a request for what is in it. */
const refusals: ReadonlySet<string> = new Set([
  'invalid_argument',
  'failed_precondition',
  'already_exists',
  'not_found',
  'out_of_range',
]);

function updateQuestion(
  shape: ResourceShape,
  prior: ObjectValue,
  planned: ObjectValue,
  follows: readonly string[],
): JudgeQuestion | undefined {
  const open = new Set(
    Object.entries(planned).flatMap(([name, value]) => (hasUnknown(value) ? [name] : [])),
  );
  const paths = updateMask(shape, prior, planned).filter((path) => {
    const [first, second] = path.split('.');
    return !open.has(first === shape.specField.name ? (second ?? '') : (first ?? ''));
  });
  // Where nothing of its own changes, it is asked whether it can follow what does.
  const followed = follows.map((name) => `${shape.specField.name}.${name}`);
  if (paths.length === 0) paths.push(...followed);
  if (paths.length === 0) return undefined;
  const { message, issues } = resourceToMessage(shape, planned);
  if (issues.length > 0) return undefined;
  message.id = String(prior['id']);
  return { kind: 'update', resource: message, paths };
}

const placementSummary = 'Where it goes: ';

function toldOf(shape: ResourceShape, attempt: Attempt, judgement: Judgement): Diagnostic[] {
  const { nodeId, reasons, shortfalls, warnings, unsupported } = judgement;
  const name = `${shape.typeName} "${attempt.name}"`;
  const at = (path: string, message: string): [string, ReturnType<typeof locate>] => {
    const located = locate(shape, path);
    return [located.length > 1 ? `${pathText(located)}: ${message}` : message, located];
  };
  const tellUnsupported = attempt.verb === 'create' ? problem : warning;
  const [reason] = reasons;
  const isPlaced = attempt.verb === 'create' && nodeId !== '' && reason !== undefined;
  return [
    ...shortfalls.map(({ path, message, isQuota }) =>
      problem(
        isQuota ? `${name} is more than the quota allows` : `There is no room for ${name}`,
        ...at(path, message),
      ),
    ),
    ...unsupported.map(({ path, message }) =>
      tellUnsupported(`${name} is not supported`, ...at(path, message)),
    ),
    ...warnings.map(({ path, message }) => warning(`A word on ${name}`, ...at(path, message))),
    ...(isPlaced ? [warning(`${placementSummary}${name}`, reason)] : []),
  ];
}

function unjudged(error: ApiError): Diagnostic {
  if (error.code === 'unavailable' || error.code === 'unauthenticated') {
    return problem('The control plane cannot be asked', error.message);
  }
  return warning(
    'The plan is not judged by the control plane',
    `whether there is room for all of it shows at apply: ${error.message}`,
  );
}
