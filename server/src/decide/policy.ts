/**
 * Policies: rules in CEL over a resource as it would be and as it was. Pure; expressions are
 * compiled once. A rule that can't be evaluated is broken: it fails on the safe side.
 */
import { Code } from '@connectrpc/connect';
import {
  type Policy,
  PolicyEffect,
  type PolicyRule,
} from '@limiquantix/proto/identity/v1/policy_pb.js';
import { compileExpression, type Expression, parseExpression } from '../resource/cel.js';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import { withoutSecrets } from '../resource/strip.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { AdmissionInput, AdmissionResult } from './admission.js';

/** A rule that a request breaks. */
export interface Breach {
  readonly policy: string;
  /** The path of the field to blame; empty for the whole resource. */
  readonly path: string;
  /** For people: the rule's own words, and which policy it is of. */
  readonly message: string;
  readonly isDenied: boolean;
}

/** A resource that a transaction stores. */
export interface Judged {
  readonly type: ResourceType;
  readonly resource: AnyResource;
  /** As it was; undefined for a new one. */
  readonly previous: AnyResource | undefined;
}

/** Expressions that are kept compiled. */
const compiledMax = 1_000;
const compiled = new Map<string, Expression>();

/** The rules of policies that a resource breaks. */
export function breachesOf(policies: readonly Policy[], judged: Judged): readonly Breach[] {
  const { type, resource, previous } = judged;
  const heeded = policies.filter((policy) => isFor(policy, judged));
  if (heeded.length === 0) return [];
  const bindings = {
    resource: withoutSecrets(type, resource),
    old: previous === undefined ? null : withoutSecrets(type, previous),
  };
  return heeded.flatMap(({ name, spec }) =>
    Object.entries(spec?.rules ?? {}).flatMap(([ruleName, rule]) => {
      const why = brokenBy(rule, bindings);
      if (why === undefined) return [];
      const message = `${why} (policy ${name}, rule ${ruleName})`;
      const isDenied = spec?.effect !== PolicyEffect.WARN;
      return [{ policy: name, path: rule.path ?? '', message, isDenied }];
    }),
  );
}

/** FAILED_PRECONDITION with all that is denied; undefined where nothing is. */
export function denialOf(breaches: readonly Breach[]): LimiError | undefined {
  const denied = breaches.filter(({ isDenied }) => isDenied);
  if (denied.length === 0) return undefined;
  return new LimiError({
    code: Code.FailedPrecondition,
    reason: 'POLICY_VIOLATED',
    message: denied.map(({ path, message }) => `${path} ${message}`.trim()).join('; '),
    violations: denied.filter(({ path }) => path !== ''),
  });
}

/** Admits a policy: its expressions must be CEL. */
export function admitPolicy({ next }: AdmissionInput<Policy>): AdmissionResult<Policy> {
  const violations = Object.entries(next.spec?.rules ?? {}).flatMap(([name, { expression }]) => {
    const fault = faultOf(expression);
    if (fault === undefined) return [];
    const path = `spec.rules[${JSON.stringify(name)}].expression`;
    return [{ path, message: `is no CEL: ${fault}` }];
  });
  if (violations.length > 0) {
    throw new LimiError({
      code: Code.InvalidArgument,
      reason: 'EXPRESSION_INVALID',
      message: violations.map(({ path, message }) => `${path} ${message}`).join('; '),
      violations,
    });
  }
  return { resource: next, children: [], claims: [], releases: [] };
}

function isFor({ spec, deletionRequestedAt }: Policy, { type, resource }: Judged): boolean {
  if (spec === undefined || spec.enabled === false || deletionRequestedAt !== undefined)
    return false;
  if (!spec.types.includes(type.type)) return false;
  return spec.projectNames.length === 0 || spec.projectNames.includes(resource.projectId);
}

/** Why a rule is broken, or undefined where it is kept. */
function brokenBy(
  { expression, message }: PolicyRule,
  bindings: Readonly<Record<string, unknown>>,
): string | undefined {
  const outcome = compile(expression).evaluate(bindings);
  if (outcome.kind === 'value' && outcome.value === true) return undefined;
  if (outcome.kind === 'value' && outcome.value === false) return message;
  const why = outcome.kind === 'error' ? outcome.message : 'it gives no truth value';
  return `${message}: the rule can't be evaluated: ${why}`;
}

function compile(expression: string): Expression {
  let found = compiled.get(expression);
  if (found === undefined) {
    if (compiled.size >= compiledMax) compiled.clear();
    found = compileExpression(parseExpression(expression));
    compiled.set(expression, found);
  }
  return found;
}

function faultOf(expression: string): string | undefined {
  try {
    compile(expression);
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n')[0];
  }
}
