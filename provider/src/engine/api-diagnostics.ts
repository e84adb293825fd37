/**
 * From the control plane's errors to what Terraform shows: one diagnostic for each field at fault,
 * at the attribute that the user wrote, or one for the call.
 */
import type { ResourceShape } from '../schema/resource-shape.js';
import { pathText } from '../value/path.js';
import { ApiError } from './api.js';
import { type Diagnostic, problem } from './diagnostic.js';
import { locate } from './locate.js';

/** What was being done to which resource. */
export interface Attempt {
  readonly verb: 'create' | 'read' | 'update' | 'delete' | 'upload' | 'import' | 'list';
  /** The resource's name or id; empty where there is none in particular. */
  readonly name: string;
}

/** What to tell of an error. Throws anything that isn't the control plane's. */
export function apiDiagnostics(
  shape: ResourceShape,
  attempt: Attempt,
  error: unknown,
): Diagnostic[] {
  if (!(error instanceof ApiError)) throw error;
  const name = attempt.name === '' ? '' : ` "${attempt.name}"`;
  const summary = `Cannot ${attempt.verb} ${shape.typeName}${name}`;
  if (error.violations.length > 0) {
    return error.violations.map((violation) => {
      const path = locate(shape, violation.path);
      // Terraform may show no more than the line that the attribute is somewhere in.
      const where = path.length > 1 ? `${pathText(path)}: ` : '';
      return problem(summary, `${where}${violation.message}`, path);
    });
  }
  if (error.reason === 'ETAG_STALE') {
    return [problem(`${shape.typeName}${name} was changed outside since the plan`, staleDetail)];
  }
  return [problem(summary, `${error.message}${advice(shape, attempt, error)}`)];
}

const staleDetail =
  'Somebody else has changed it after this plan was made, and the plan would undo that. Nothing ' +
  'was changed here. Run terraform plan again: it shows what has become of it, and what ' +
  'would still have to change.';

function advice(shape: ResourceShape, attempt: Attempt, error: ApiError): string {
  if (error.code === 'already_exists' && attempt.verb === 'create') {
    return (
      '.\n\nTo manage the existing one with this configuration, import it:\n' +
      `  terraform import <address> ${attempt.name}\n` +
      `where <address> is that of this resource, such as ${shape.typeName}.example.`
    );
  }
  if (error.reason === 'IN_USE' && attempt.verb === 'delete') {
    return (
      '.\n\nTerraform deletes a resource before it updates those that referred to it. Apply the ' +
      'removal of the references first, or set lifecycle { create_before_destroy = true } in ' +
      'the resource while it is still in the configuration.'
    );
  }
  return '';
}
