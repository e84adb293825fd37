/**
 * Which requests were answered with which resource, so that the same `request_id` gives the same
 * resource for 24 hours, however often and however concurrently it comes.
 */

import { createHash } from 'node:crypto';
import type { Message } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { toBinary } from '@limiquantix/proto/binary/codec.js';
import { LimiError } from '../resource/error.js';
import { requestKey, requestPrefix } from '../resource/keys.js';
import { decodeText, encodeText } from '../resource/record.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { Store } from '../store/store.js';
import { invalidFields } from './validation.js';
import type { WritePlan } from './write-plan.js';

const keptMs = 24 * 60 * 60 * 1000;
const sweepPageMax = 1000;
const sweepWritesMax = 100;

/** A request that carries a `request_id`. */
export interface IdentifiedRequest {
  readonly type: Pick<ResourceType, 'type' | 'message'>;
  readonly caller: string;
  readonly requestId: string;
  /** What was asked for. */
  readonly input: Message;
}

interface Answered {
  readonly resourceId: string;
  readonly digest: string;
  readonly expiresAtMs: number;
}

/** What is known of a request: the resource that came of it, or how to note one in a plan. */
export type KnownRequest =
  | { readonly resourceId: string }
  | { readonly resourceId: undefined; note(plan: WritePlan, resourceId: string): void };

/** Looks a request up. Throws where its id was used for something else. */
export async function findRequest(
  store: Store,
  request: IdentifiedRequest,
  nowMs: number,
): Promise<KnownRequest> {
  const key = requestKey(digestOf(`${request.caller}\n${request.type.type}\n${request.requestId}`));
  const digest = digestOf(toBinary(request.type.message, request.input));
  const entry = await store.get(key);
  const known = entry && (JSON.parse(decodeText(entry.value)) as Answered);
  if (known !== undefined && known.expiresAtMs > nowMs) {
    if (known.digest !== digest) throw reused(request);
    return { resourceId: known.resourceId };
  }
  return {
    resourceId: undefined,
    note(plan, resourceId) {
      if (entry === undefined) plan.require({ kind: 'absent', key });
      else plan.require({ kind: 'revision', key, revision: entry.revision });
      const answered: Answered = { resourceId, digest, expiresAtMs: nowMs + keptMs };
      plan.write({ kind: 'put', key, value: encodeText(JSON.stringify(answered)) });
    },
  };
}

/** Forgets requests that are too old to count; call it now and then. Returns how many. */
export async function sweepRequests(store: Store, nowMs: number): Promise<number> {
  let from: string | undefined;
  let count = 0;
  do {
    const page = await store.list({ prefix: requestPrefix, limit: sweepPageMax, from });
    const old = page.entries.filter(
      ({ value }) => (JSON.parse(decodeText(value)) as Answered).expiresAtMs <= nowMs,
    );
    for (let i = 0; i < old.length; i += sweepWritesMax) {
      const some = old.slice(i, i + sweepWritesMax);
      const result = await store.commit({
        require: some.map(({ key, revision }) => ({ kind: 'revision', key, revision })),
        writes: some.map(({ key }) => ({ kind: 'delete', key })),
      });
      if (result.ok) count += some.length;
    }
    from = page.next;
  } while (from !== undefined);
  return count;
}

const digestOf = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');

const reused = ({ requestId }: IdentifiedRequest): LimiError =>
  invalidFields(
    [
      {
        path: 'request_id',
        message: `was used for another resource already; give each request its own: got ${JSON.stringify(requestId)}`,
      },
    ],
    'REQUEST_ID_REUSED',
  );

/**
 * FAILED_PRECONDITION: what came of the request is gone, and the same request can't make it again.
 */
export const answeredAndGone = (type: ResourceType, resourceId: string): LimiError =>
  new LimiError({
    code: Code.FailedPrecondition,
    reason: 'REQUEST_ID_USED',
    message: `this request_id made ${type.label} ${resourceId}, which was deleted; use a new request_id to make another`,
  });
