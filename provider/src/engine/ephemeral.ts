/**
 * Ephemeral resources: opens one by its method, renews it before its time is over, and makes it
 * useless at the end. What it holds is only ever answered, never kept.
 */
import type { JsonValue, Message } from '@bufbuild/protobuf';
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import type { EphemeralShape } from '../schema/ephemeral-shape.js';
import { type ObjectValue, record } from '../value/value.js';
import type { Api } from './api.js';
import { objectToValue } from './from-message.js';
import { followingRequest, readRequest, requestMessage, toldOf } from './method-call.js';

/** What is kept of an open one until it is closed: what the later calls need, and no secret. */
export interface EphemeralPrivate {
  readonly renew?: JsonValue;
  readonly close?: JsonValue;
}

/** What ephemeral resources need from outside. */
export interface EphemeralEffects {
  readonly api: Api;
  readonly nowMs: () => number;
}

/** An open one. */
export interface Opened {
  readonly result: ObjectValue;
  readonly private: EphemeralPrivate;
  /** When to renew it, in milliseconds since 1970; undefined for never. */
  readonly renewAtMs: number | undefined;
}

/** Opens one; all of its configuration is known. Throws DiagnosticError. */
export async function openEphemeral(
  shape: EphemeralShape,
  config: ObjectValue,
  { api, nowMs }: EphemeralEffects,
): Promise<Opened> {
  const { open, renew, close, request, response, object } = shape;
  const asked = requestMessage(request, config);
  const told = { summary: `Cannot open ${shape.typeName}`, request };
  const answer = await toldOf(told, () => api.call(open, asked));
  const values = objectToValue(response, answer);
  const known = [answer, asked];
  return {
    result: record(
      object.attributes.map(({ name }) => [name, config[name] ?? values[name] ?? null]),
    ),
    private: {
      ...(renew === undefined ? {} : { renew: followingRequest(renew, known) }),
      ...(close === undefined ? {} : { close: followingRequest(close, known) }),
    },
    renewAtMs: renew === undefined ? undefined : renewalMs(answer, nowMs()),
  };
}

/** Renews one; returns when to do so again. Throws DiagnosticError. */
export async function renewEphemeral(
  shape: EphemeralShape,
  { renew: json }: EphemeralPrivate,
  { api, nowMs }: EphemeralEffects,
): Promise<number | undefined> {
  const { renew, request, typeName } = shape;
  if (renew === undefined) return undefined;
  const told = { summary: `Cannot renew ${typeName}`, request };
  const answer = await toldOf(told, () => api.call(renew, readRequest(renew, json)));
  return renewalMs(answer, nowMs());
}

/** Makes one useless, also while Terraform is being interrupted. Throws DiagnosticError. */
export async function closeEphemeral(
  shape: EphemeralShape,
  { close: json }: EphemeralPrivate,
  api: Api,
): Promise<void> {
  const { close, request, typeName } = shape;
  if (close === undefined) return;
  const told = { summary: `Cannot close ${typeName}`, request };
  await toldOf(told, () => api.call(close, readRequest(close, json), { atTheEnd: true }));
}

/** The part of its life after which something is renewed: early enough to try again. */
const renewAfter = 2 / 3;

function renewalMs(answer: Message, nowMs: number): number | undefined {
  const { expiresAt } = answer as Message & { expiresAt?: Timestamp };
  if (expiresAt === undefined) return undefined;
  return Math.round(nowMs + Math.max(0, timestampMs(expiresAt) - nowMs) * renewAfter);
}
