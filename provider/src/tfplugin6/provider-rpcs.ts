/**
 * The calls about the provider as a whole and about its data sources.
 */

import { DiagnosticError, problem } from '../engine/diagnostic.js';
import { readDataSource, validateDataSource } from '../engine/read.js';
import { providerFunctions } from '../function/functions.js';
import { providerType } from '../schema/provider-shape.js';
import { serverCapabilities } from '../schema/server-capabilities.js';
import { isUnknown, type ObjectValue } from '../value/value.js';
import { decodeObject, encodeDynamic } from './dynamic-value.js';
import { told } from './resource-rpcs.js';
import type { Answer, Rpcs } from './rpc.js';
import type { Connection, Session } from './session.js';

/** The calls of this file. */
export type ProviderRpcs = Rpcs<
  | 'getMetadata'
  | 'validateProviderConfig'
  | 'configureProvider'
  | 'validateDataResourceConfig'
  | 'readDataSource'
  | 'stopProvider'
>;

/** What these calls need from outside. */
export interface ProviderEffects {
  /** Makes the client for a configuration, all of it known. Throws DiagnosticError. */
  readonly connect: (config: ObjectValue) => Promise<Connection>;
  /** Ends all waiting. */
  readonly stop: () => void;
}

/** All that there is, by name. */
async function metadata(session: Session): Promise<Answer<'getMetadata'>> {
  const { ephemeralShapes } = await import('../schema/ephemeral-shape.js');
  const { actionShapes } = await import('../schema/action-shape.js');
  const named = (names: Iterable<string>) => [...names].sort().map((typeName) => ({ typeName }));
  const resources = session.resourceNames();
  return {
    serverCapabilities,
    resources: named(resources),
    listResources: named(resources),
    dataSources: named(session.dataSourceNames()),
    ephemeralResources: named(ephemeralShapes().keys()),
    actions: named(actionShapes().keys()),
    functions: named(providerFunctions.keys()),
  };
}

/** Makes the functions. */
export function providerRpcs(session: Session, { connect, stop }: ProviderEffects): ProviderRpcs {
  return {
    getMetadata: () => session.answer(() => metadata(session)),

    validateProviderConfig: ({ config }) =>
      session.answer(async () => {
        decodeObject(config, providerType);
        return {};
      }),

    configureProvider: ({ config, terraformVersion }) =>
      session.answer(async () => {
        session.meet(terraformVersion);
        const value = decodeObject(config, providerType) ?? {};
        const isOpen = Object.values(value).some(isUnknown);
        session.configure(isOpen ? 'unknown' : await connect(value));
        return {};
      }),

    validateDataResourceConfig: ({ typeName, config }) =>
      session.answer(async () => {
        const source = await session.dataSource(typeName);
        validateDataSource(source, decodeObject(config, source.object.type) ?? {});
        return {};
      }),

    readDataSource: ({ typeName, config }) =>
      session.answer(async () => {
        const source = await session.dataSource(typeName);
        const value = decodeObject(config, source.object.type);
        if (value === null) {
          throw new DiagnosticError([problem('No configuration', `${typeName} came without one`)]);
        }
        const verb = source.kind === 'one' ? 'read' : 'list';
        const name = String(value['name'] ?? value['id'] ?? '');
        const state = await told(source.resource, { verb, name }, () =>
          readDataSource(source, value, session.api),
        );
        return { state: encodeDynamic(state), diagnostics: [] };
      }),

    stopProvider: () => {
      stop();
      return {};
    },
  };
}
