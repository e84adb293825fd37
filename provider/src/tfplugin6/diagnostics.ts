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
import type { AttributePath } from '../value/path.js';

type DiagnosticInit = MessageInitShape<typeof DiagnosticSchema>;

/** Diagnostics to send. */
export function encodeDiagnostics(diagnostics: readonly Diagnostic[]): DiagnosticInit[] {
  return diagnostics.map(({ severity, summary, detail, path }) => ({
    severity: severity === 'error' ? Severity.ERROR : Severity.WARNING,
    summary,
    detail,
    ...(path.length === 0 ? {} : { attribute: encodePath(path) }),
  }));
}

/** A path to send. */
export function encodePath(path: AttributePath): MessageInitShape<typeof AttributePathSchema> {
  return {
    steps: path.map((step) => {
      if ('attribute' in step) {
        return { selector: { case: 'attributeName' as const, value: step.attribute } };
      }
      return 'key' in step
        ? { selector: { case: 'elementKeyString' as const, value: step.key } }
        : { selector: { case: 'elementKeyInt' as const, value: BigInt(step.index) } };
    }),
  };
}

/** What to tell of an error that ended a call. Whatever isn't foreseen is a fault of the provider. */
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
