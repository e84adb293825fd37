/** How failures are told: each once, with what to do. */
import { Code, ConnectError } from '@connectrpc/connect';
import {
  BadRequestSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
} from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { type FieldViolation, LimiError } from '../resource/error.js';

/** An error as text for people, with its end of line. */
export function tellError(error: unknown): string {
  if (error instanceof LimiError) return tell(error.message, error.violations, error.cause);
  if (error instanceof ConnectError) {
    const failures = [...violationsOf(error), ...failuresOf(error)];
    return tell(messageOf(error), failures, undefined);
  }
  if (error instanceof Error && 'code' in error) return tell(error.message, [], undefined);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return tell(text, [], undefined);
}

/** The fields that the control plane finds fault with. */
export function violationsOf(error: ConnectError): FieldViolation[] {
  return error
    .findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) => fieldViolations)
    .map(({ field, description }) => ({ path: field, message: description }));
}

/** The conditions that don't hold and the quotas that are exceeded, where there are several. */
function failuresOf(error: ConnectError): FieldViolation[] {
  const conditions = error.findDetails(PreconditionFailureSchema);
  const failures = [...conditions, ...error.findDetails(QuotaFailureSchema)];
  const all = failures.flatMap(({ violations }) =>
    violations.map(({ subject, description }) => ({ path: subject, message: description })),
  );
  return all.length > 1 ? all : [];
}

function tell(message: string, violations: readonly FieldViolation[], cause: unknown): string {
  // A message that says all that its violations say needs no list below it.
  const news = violations.filter((one) => !message.includes(one.message));
  const lines = news.map((one) => `  ${one.path}: ${one.message}`);
  const because = cause instanceof Error ? [`  because: ${cause.message}`] : [];
  return `${[`limiquantix: ${message}`, ...lines, ...because].join('\n')}\n`;
}

function messageOf(error: ConnectError): string {
  if (error.code === Code.Unavailable) {
    const remedy = 'check that "limiquantix server" runs there, and --endpoint or the profile';
    return `the control plane can't be reached: ${error.rawMessage}; ${remedy}`;
  }
  if (error.code === Code.DeadlineExceeded) {
    return `the control plane did not answer in time: ${error.rawMessage}`;
  }
  return error.rawMessage;
}
