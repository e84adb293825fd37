/**
 * The table of Terraform's calls. Asking for the schema, which every process is asked, answers with
 * bytes made at build time and loads nothing else.
 */
import type { Method, MethodTable } from '../plugin/grpc-server.js';

/** Where the parts of the provider come from, each loaded when it is needed. */
export interface LazyParts {
  /** The encoded answer to GetProviderSchema. */
  readonly schema: () => Promise<Uint8Array>;
  /** The methods of all other calls, by name. */
  readonly service: () => Promise<ReadonlyMap<string, Method>>;
}

/** The calls with one answer, the schema's aside. */
const unaryNames = [
  'GetMetadata',
  'ValidateProviderConfig',
  'ValidateResourceConfig',
  'ValidateDataResourceConfig',
  'UpgradeResourceState',
  'GetResourceIdentitySchemas',
  'UpgradeResourceIdentity',
  'ConfigureProvider',
  'ReadResource',
  'PlanResourceChange',
  'ApplyResourceChange',
  'ImportResourceState',
  'MoveResourceState',
  'ReadDataSource',
  'GenerateResourceConfig',
  'ValidateEphemeralResourceConfig',
  'OpenEphemeralResource',
  'RenewEphemeralResource',
  'CloseEphemeralResource',
  'ValidateListResourceConfig',
  'GetFunctions',
  'CallFunction',
  'ValidateStateStoreConfig',
  'ConfigureStateStore',
  'WriteStateBytes',
  'LockState',
  'UnlockState',
  'GetStates',
  'DeleteState',
  'PlanAction',
  'ValidateActionConfig',
  'StopProvider',
] as const;

/** The calls whose answers stream. */
const streamNames = ['ListResource', 'ReadStateBytes', 'InvokeAction'] as const;

/** The methods by path. */
export function providerMethods({ schema, service }: LazyParts): MethodTable {
  const find = async <Kind extends Method['kind']>(
    name: string,
    kind: Kind,
  ): Promise<Extract<Method, { kind: Kind }>> => {
    const method = (await service()).get(name);
    if (method?.kind !== kind) throw new Error(`${name} is not implemented`);
    return method as Extract<Method, { kind: Kind }>;
  };
  const methods: [string, Method][] = [
    ['GetProviderSchema', { kind: 'unary', handle: schema }],
    ...unaryNames.map((name): [string, Method] => [
      name,
      { kind: 'unary', handle: async (request) => (await find(name, 'unary')).handle(request) },
    ]),
    ...streamNames.map((name): [string, Method] => [
      name,
      {
        kind: 'stream',
        async *handle(request) {
          yield* (await find(name, 'stream')).handle(request);
        },
      },
    ]),
  ];
  return new Map(methods.map(([name, method]) => [`/tfplugin6.Provider/${name}`, method]));
}
