/**
 * The calls of an ephemeral resource's life.
 */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { DiagnosticError, problem } from '../engine/diagnostic.js';
import {
  closeEphemeral,
  type EphemeralPrivate,
  openEphemeral,
  renewEphemeral,
} from '../engine/ephemeral.js';
import { validateArguments } from '../engine/method-call.js';
import { decodeObject, encodeDynamic } from './dynamic-value.js';
import type { Rpcs } from './rpc.js';
import type { Session } from './session.js';

/** The calls of this file. */
export type EphemeralRpcs = Rpcs<
  | 'validateEphemeralResourceConfig'
  | 'openEphemeralResource'
  | 'renewEphemeralResource'
  | 'closeEphemeralResource'
>;

/** Makes the functions. */
export function ephemeralRpcs(session: Session): EphemeralRpcs {
  const effects = () => ({ api: session.api, nowMs: session.effects.nowMs });
  return {
    validateEphemeralResourceConfig: ({ typeName, config }) =>
      session.answer(async () => {
        const shape = await session.ephemeral(typeName);
        const value = decodeObject(config, shape.object.type);
        if (value === null) return {};
        const found = validateArguments(shape.request, value, session.check);
        return { diagnostics: session.tell(found) };
      }),

    openEphemeralResource: ({ typeName, config }) =>
      session.answer(async () => {
        const shape = await session.ephemeral(typeName);
        const value = decodeObject(config, shape.object.type);
        if (value === null) {
          throw new DiagnosticError([problem('No configuration', `${typeName} came without one`)]);
        }
        const opened = await openEphemeral(shape, value, effects());
        const kept = encode(opened.private);
        session.opened(keyOf(typeName, kept), () =>
          closeEphemeral(shape, opened.private, effects().api),
        );
        return {
          result: encodeDynamic(opened.result),
          private: kept,
          ...renewAt(opened.renewAtMs),
        };
      }),

    renewEphemeralResource: ({ typeName, private: kept }) =>
      session.answer(async () => {
        const shape = await session.ephemeral(typeName);
        const renewAtMs = await renewEphemeral(shape, decode(kept), effects());
        return { ...(kept === undefined ? {} : { private: kept }), ...renewAt(renewAtMs) };
      }),

    closeEphemeralResource: ({ typeName, private: kept }) =>
      session.answer(async () => {
        await closeEphemeral(await session.ephemeral(typeName), decode(kept), session.api);
        session.closed(keyOf(typeName, kept));
        return {};
      }),
  };
}

const keyOf = (typeName: string, kept: Uint8Array | undefined): string =>
  `${typeName} ${Buffer.from(kept ?? []).toString()}`;

const renewAt = (ms: number | undefined) =>
  ms === undefined ? {} : { renewAt: timestampFromMs(ms) };

const encode = (kept: EphemeralPrivate): Uint8Array => Buffer.from(JSON.stringify(kept));

/** What `encode` wrote; Terraform gives it back as it was. */
const decode = (bytes: Uint8Array | undefined): EphemeralPrivate =>
  bytes === undefined || bytes.length === 0
    ? {}
    : (JSON.parse(Buffer.from(bytes).toString()) as EphemeralPrivate);
