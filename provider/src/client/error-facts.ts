/**
 * What the control plane says of an error beside its words, from the details of Google's RPC
 * conventions. It is loaded when an error comes that has some, which most processes never see.
 */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { fromBinary } from '@limiquantix/proto/binary/codec.js';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { StatusSchema } from '@limiquantix/proto/google/rpc/status_pb.js';

/** What is known of an error. */
export interface ErrorFacts {
  /** The control plane's own stable word, such as `IN_USE`. */
  readonly reason?: string;
  /** The fields at fault. */
  readonly violations?: readonly { readonly path: string; readonly message: string }[];
  /** The conditions that don't hold and the quotas that are exceeded. */
  readonly failures?: readonly { readonly subject: string; readonly description: string }[];
  /** When the same call may be made again. */
  readonly retryAfterMs?: number | undefined;
}

/** The facts in a google.rpc.Status. What can't be read counts as not said. */
export function errorFacts(status: Uint8Array): ErrorFacts {
  const [{ details } = { details: [] }] = read(StatusSchema, status);
  const all = <Desc extends DescMessage>(schema: Desc): MessageShape<Desc>[] =>
    details
      .filter(({ typeUrl }) => typeUrl.slice(typeUrl.lastIndexOf('/') + 1) === schema.typeName)
      .flatMap(({ value }) => read(schema, value));
  const [info] = all(ErrorInfoSchema);
  const [bad] = all(BadRequestSchema);
  const [retry] = all(RetryInfoSchema);
  const failures = [...all(PreconditionFailureSchema), ...all(QuotaFailureSchema)];
  return {
    reason: info?.reason ?? '',
    violations: (bad?.fieldViolations ?? []).map(({ field, description }) => ({
      path: field,
      message: description,
    })),
    failures: failures.flatMap(({ violations }) =>
      violations.map(({ subject, description }) => ({ subject, description })),
    ),
    retryAfterMs: retry?.retryDelay && durationMs(retry.retryDelay),
  };
}

/** The message in some bytes, or none. */
function read<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc>[] {
  try {
    return [fromBinary(schema, bytes)];
  } catch {
    return [];
  }
}
