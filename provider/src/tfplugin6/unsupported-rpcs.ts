/**
 * The calls about things that this provider doesn't have. Terraform makes none of them for a
 * provider whose schema names none; whoever does gets a proper answer.
 */
import { problem } from '../engine/diagnostic.js';
import type { ActionRpcs } from './action-rpcs.js';
import { encodeDiagnostics } from './diagnostics.js';
import type { EphemeralRpcs } from './ephemeral-rpcs.js';
import type { FunctionRpcs } from './function-rpcs.js';
import type { IdentityRpcs } from './identity.js';
import type { ListRpcs } from './list-rpcs.js';
import type { ProviderRpcs } from './provider-rpcs.js';
import type { ResourceRpcs } from './resource-rpcs.js';
import type { AllRpcs, Rpcs } from './rpc.js';

/** The calls of this file. */
export type UnsupportedRpcs = Rpcs<
  Exclude<
    keyof AllRpcs,
    | keyof ResourceRpcs
    | keyof ProviderRpcs
    | keyof FunctionRpcs
    | keyof EphemeralRpcs
    | keyof IdentityRpcs
    | keyof ListRpcs
    | keyof ActionRpcs
  >
>;

/** Makes the functions. */
export function unsupportedRpcs(): UnsupportedRpcs {
  return {
    getStates: () => refused('state stores'),
    moveResourceState: ({ sourceTypeName }) =>
      refused(`taking over the state of another type (${sourceTypeName})`),
    validateStateStoreConfig: () => refused('state stores'),
    configureStateStore: () => refused('state stores'),
    readStateBytes: () => only(refused('state stores')),
    writeStateBytes: () => refused('state stores'),
    lockState: () => refused('state stores'),
    unlockState: () => refused('state stores'),
    deleteState: () => refused('state stores'),
  };
}

function refused(what: string): { diagnostics: ReturnType<typeof encodeDiagnostics> } {
  const detail = `terraform-provider-limiquantix does not support ${what}`;
  return { diagnostics: encodeDiagnostics([problem('Not supported', detail)], 'whole') };
}

async function* only<T>(item: T): AsyncIterable<T> {
  yield item;
}
