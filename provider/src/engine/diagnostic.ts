/**
 * What the engine tells Terraform's user: one problem, where it is, and what to do about it.
 */
import type { AttributePath } from '../value/path.js';

/** Something to tell the user. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  /** In one line. */
  readonly summary: string;
  /** What to know and do. */
  readonly detail: string;
  /** The attribute at fault; empty if it is none in particular. */
  readonly path: AttributePath;
}

/** A problem that ends what the engine was doing, with everything that is to be told of it. */
export class DiagnosticError extends Error {
  constructor(readonly diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(({ summary, detail }) => `${summary}: ${detail}`).join('; '));
  }
}

/** An error to tell. */
export function problem(summary: string, detail: string, path: AttributePath = []): Diagnostic {
  return { severity: 'error', summary, detail: sentence(detail), path };
}

/** A warning to tell. */
export function warning(summary: string, detail: string, path: AttributePath = []): Diagnostic {
  return { severity: 'warning', summary, detail: sentence(detail), path };
}

/**
 * A message of the contract's style (lower case, no final period) as Terraform shows text. A path
 * at its beginning stays as it is.
 */
export function sentence(text: string): string {
  const beginsWithWord = /^[a-z][a-z']*[ ,]/.test(text);
  const begun = beginsWithWord ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return text === '' || /[.!?:`)\n]$/.test(begun) ? begun : `${begun}.`;
}
