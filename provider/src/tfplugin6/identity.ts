/**
 * Resource identities in Terraform's messages, and the calls about their schema. Terraform before
 * 1.12 asks for none and skips over those that it gets.
 */
import type { ResourceIdentityData } from '../../gen/tfplugin6_pb.js';
import { DiagnosticError, problem } from '../engine/diagnostic.js';
import { identitySchema, identityType, identityVersion } from '../schema/identity-schema.js';
import type { ObjectValue, Value } from '../value/value.js';
import { decodeObject, encodeDynamic } from './dynamic-value.js';
import type { Rpcs } from './rpc.js';
import type { Session } from './session.js';

/** The identity of a resource. */
export const encodeIdentity = (id: Value) => ({ identityData: encodeDynamic({ id }) });

/** The field of an answer that has the identity of what is in a state; none for what is gone. */
export function identityEntry<Name extends string>(name: Name, state: ObjectValue | null) {
  const id = state?.['id'];
  const entry = typeof id === 'string' ? { [name]: encodeIdentity(id) } : {};
  return entry as { readonly [Key in Name]?: ReturnType<typeof encodeIdentity> };
}

/** The id of an identity; undefined for none. */
export function identityId(identity: ResourceIdentityData | undefined): string | undefined {
  const id = decodeObject(identity?.identityData, identityType)?.['id'];
  return typeof id === 'string' ? id : undefined;
}

/** The calls of this file. */
export type IdentityRpcs = Rpcs<'getResourceIdentitySchemas' | 'upgradeResourceIdentity'>;

/** Makes the functions. */
export function identityRpcs(session: Session): IdentityRpcs {
  return {
    getResourceIdentitySchemas: () => ({
      identitySchemas: Object.fromEntries(
        session.resourceNames().map((typeName) => [typeName, identitySchema]),
      ),
    }),

    upgradeResourceIdentity: ({ typeName, version, rawIdentity }) =>
      session.answer(async () => {
        await session.resource(typeName);
        const { id } = parse(rawIdentity?.json ?? new Uint8Array());
        if (Number(version) <= identityVersion && typeof id === 'string') {
          return { upgradedIdentity: encodeIdentity(id) };
        }
        const detail =
          Number(version) > identityVersion
            ? `a newer provider wrote it, with version ${version}; this one knows versions up to ` +
              `${identityVersion}: use the provider that wrote it, or a newer one`
            : 'it has no id';
        throw new DiagnosticError([problem(`The identity of ${typeName} cannot be read`, detail)]);
      }),
  };
}

function parse(json: Uint8Array): { id?: unknown } {
  const value: unknown = JSON.parse(Buffer.from(json).toString() || '{}');
  return typeof value === 'object' && value !== null ? value : {};
}
