/**
 * The engine's diagnostics and paths, as Terraform's protocol has them.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type AttributePathSchema,
  type DiagnosticSchema,
  Diagnostic_Severity as Severity,
} from '../../gen/tfplugin6_pb.js';
import { type Diagnostic, DiagnosticError, problem } from '../engine/diagnostic.js';
import type { AttributePath, PathStep } from '../value/path.js';

type DiagnosticInit = MessageInitShape<typeof DiagnosticSchema>;

/** How precisely this Terraform finds the line for a path. */
export type Precision = 'two_steps' | 'whole';

/**
 * The precision of a version. Before 1.15, Terraform finds a line by a path's first attribute and
 * one key, and shows the head of the resource for anything longer.
 */
export function precisionOf(terraformVersion: string): Precision {
  const [major = 0, minor = 0] = terraformVersion.split('.').map(Number);
  return major > 1 || minor >= 15 ? 'whole' : 'two_steps';
}

/** Diagnostics to send. */
export function encodeDiagnostics(
  diagnostics: readonly Diagnostic[],
  precision: Precision,
): DiagnosticInit[] {
  return diagnostics.map(({ severity, summary, detail, path }) => ({
    severity: severity === 'error' ? Severity.ERROR : Severity.WARNING,
    summary,
    detail,
    ...(path.length === 0 ? {} : { attribute: encodePath(locatable(path, precision)) }),
  }));
}

/**
 * The part of a path by which Terraform finds a line. To find one, it takes an attribute for a key.
 */
function locatable(path: AttributePath, precision: Precision): AttributePath {
  const [first, second] = path;
  if (precision === 'whole' || first === undefined || second === undefined) return path;
  return [first, 'attribute' in second ? { key: second.attribute } : second];
}

/** A path to send. */
export function encodePath(path: AttributePath): MessageInitShape<typeof AttributePathSchema> {
  return { steps: path.map((step) => ({ selector: encodeStep(step) })) };
}

function encodeStep(step: PathStep) {
  if ('attribute' in step) return { case: 'attributeName' as const, value: step.attribute };
  return 'key' in step
    ? { case: 'elementKeyString' as const, value: step.key }
    : { case: 'elementKeyInt' as const, value: BigInt(step.index) };
}

/**
 * What to tell of an error that ended a call. Whatever isn't foreseen is a fault of the provider.
 */
export function diagnosticsOf(error: unknown): readonly Diagnostic[] {
  if (error instanceof DiagnosticError) return error.diagnostics;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [
    problem(
      'The provider failed',
      `this is a bug in terraform-provider-limiquantix; please report it with this text:\n\n${text}\n`,
    ),
  ];
}
