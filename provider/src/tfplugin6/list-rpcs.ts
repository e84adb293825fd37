/**
 * The calls of list resources: what there is that could be imported, by identity.
 */
import { listMatching } from '../engine/list.js';
import { listShape } from '../schema/list-shape.js';
import { diagnosticsOf } from './diagnostics.js';
import { decodeObject, encodeDynamic } from './dynamic-value.js';
import { encodeIdentity } from './identity.js';
import { told } from './resource-rpcs.js';
import type { Answer, Ask, Rpcs } from './rpc.js';
import type { Session } from './session.js';

/** The calls of this file. */
export type ListRpcs = Rpcs<'validateListResourceConfig' | 'listResource'>;

/** Makes the functions. */
export function listRpcs(session: Session): ListRpcs {
  return {
    validateListResourceConfig: ({ typeName, config }) =>
      session.answer(async () => {
        decodeObject(config, listShape(await session.resource(typeName)).type);
        return {};
      }),
    listResource: (request) => list(session, request),
  };
}

async function* list(
  session: Session,
  { typeName, config, includeResourceObject, limit }: Ask<'listResource'>,
): AsyncIterable<Answer<'listResource'>> {
  try {
    const shape = await session.resource(typeName);
    const value = decodeObject(config, listShape(shape).type) ?? {};
    const question = { config: value, countMax: Number(limit) };
    const found = await told(shape, { verb: 'list', name: '' }, () =>
      listMatching(shape, question, session.api),
    );
    for (const { id, displayName, resource } of found) {
      yield {
        identity: encodeIdentity(id),
        displayName,
        ...(includeResourceObject ? { resourceObject: encodeDynamic(resource) } : {}),
      };
    }
  } catch (error) {
    yield { diagnostic: session.tell(diagnosticsOf(error)) };
  }
}
