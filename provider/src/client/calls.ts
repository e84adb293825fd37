/**
 * Calls the standard methods of any resource type, found in its service by their names. Requests
 * and answers are built from descriptors; a call that may succeed a moment later is made again.
 */
import { create, type DescField, type DescMethod, type Message } from '@bufbuild/protobuf';
import type { AnyResource } from '../engine/fields.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import type { Channel } from './channel.js';
import { isTransient, toApiError } from './error-map.js';

/** The standard verbs. */
export type Verb = 'Create' | 'Get' | 'List' | 'Update' | 'Delete' | 'Watch';

/** The fields that answers of the standard methods have. */
export interface AnswerFields {
  readonly resource: AnyResource | undefined;
  readonly resources: readonly AnyResource[];
  readonly nextPageToken: string;
  readonly revision: bigint;
  /** For a watch. */
  readonly eventType: number;
}

/** Calls methods on one control plane. */
export interface Caller {
  /** A plain method, with another time to wait than a minute if need be. Throws ApiError. */
  unary(
    method: DescMethod,
    request: Record<string, unknown> | Message,
    timeoutMs?: number,
  ): Promise<Message>;
  /** A method whose answers stream. Throws ApiError. */
  stream(
    method: DescMethod,
    request: Record<string, unknown>,
    signal: AbortSignal,
  ): AsyncIterable<Message>;
}

/** What calls need from outside. */
export interface CallerOptions {
  readonly endpoint: string;
  readonly channel: Channel;
  readonly stopping: AbortSignal;
  /** Waits; rejects when the provider stops. */
  readonly sleep: (ms: number) => Promise<void>;
}

const callTimeoutMs = 60_000;
const retriesMax = 6;
/** Where the control plane says when to come again, a call is made this often. */
const invitedRetriesMax = 40;
const backoffMinMs = 200;
const backoffMaxMs = 3_000;

/** Makes a caller. */
export function createCaller({ endpoint, channel, stopping, sleep }: CallerOptions): Caller {
  // A control plane that never answered is not there; one that did may be restarting.
  let hasAnswered = false;
  const once = async (
    method: DescMethod,
    request: Record<string, unknown> | Message,
    timeoutMs: number,
  ): Promise<Message> => {
    try {
      const options = { signal: stopping, timeoutMs };
      const answer = await channel.unary(method, create(method.input, request), options);
      hasAnswered = true;
      return answer;
    } catch (error) {
      throw toApiError(error, endpoint);
    }
  };
  return {
    async unary(method, request, timeoutMs = callTimeoutMs) {
      for (let attempt = 0; ; attempt++) {
        try {
          return await once(method, request, timeoutMs);
        } catch (error) {
          const failure = toApiError(error, endpoint);
          const { retryAfterMs } = failure;
          const isInvited = retryAfterMs !== undefined;
          const mayRetry = isInvited || (hasAnswered && isTransient(failure));
          if (!mayRetry || attempt >= (isInvited ? invitedRetriesMax : retriesMax)) throw failure;
          await sleep(restMs(attempt, retryAfterMs));
        }
      }
    },
    async *stream(method, request, signal) {
      try {
        yield* channel.stream(method, create(method.input, request), { signal });
      } catch (error) {
        throw toApiError(error, endpoint);
      }
    },
  };
}

/** How long to wait before the next attempt: no less than the control plane asks for. */
export function restMs(attempt: number, retryAfterMs = 0): number {
  return Math.max(retryAfterMs, Math.min(backoffMaxMs, backoffMinMs * 2 ** attempt));
}

/** The method of a type's service for a verb. */
export function standardMethod({ service, message }: ResourceShape, verb: Verb): DescMethod {
  const holds = (field: DescField): boolean => field.message === message;
  const { name } = message;
  const isMany = verb === 'List' || verb === 'Watch';
  const method = service.methods.find((candidate) =>
    // Plurals have forms of their own; what an answer holds has not.
    isMany
      ? candidate.name.startsWith(verb) && candidate.output.fields.some(holds)
      : candidate.name === `${verb}${name}`,
  );
  if (method === undefined) throw new Error(`${service.typeName}: no method to ${verb} ${name}`);
  return method;
}

/** The name of the property that holds the resource in requests and answers. */
export function resourceProperty(shape: ResourceShape, method: DescMethod): string {
  const field = method.input.fields.find((candidate) => candidate.message === shape.message);
  if (field === undefined) throw new Error(`${method.name}: no field for the resource`);
  return field.localName;
}

/** What an answer holds, whatever the type's names for it. */
export function answerFields(
  shape: ResourceShape,
  method: DescMethod,
  answer: Message,
): AnswerFields {
  const values = answer as unknown as Record<string, unknown>;
  const holder = method.output.fields.find((field) => field.message === shape.message);
  const held = holder === undefined ? undefined : values[holder.localName];
  const isMany = holder?.fieldKind === 'list';
  return {
    resource: isMany ? undefined : (held as AnyResource | undefined),
    resources: isMany ? (held as AnyResource[]) : [],
    nextPageToken: String(values['nextPageToken'] ?? ''),
    revision: (values['revision'] as bigint | undefined) ?? 0n,
    eventType: Number(values['type'] ?? 0),
  };
}
