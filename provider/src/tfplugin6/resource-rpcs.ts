/**
 * The calls of a managed resource's life: decode, ask the engine, encode.
 */

import { ApiError } from '../engine/api.js';
import { apiDiagnostics } from '../engine/api-diagnostics.js';
import { applyResource } from '../engine/apply.js';
import { DiagnosticError, problem } from '../engine/diagnostic.js';
import { generateConfig } from '../engine/generate-config.js';
import { planResource } from '../engine/plan.js';
import { decodePrivate, encodePrivate } from '../engine/private-state.js';
import { importResource, isCurrent, readResource } from '../engine/read.js';
import { upgradeState } from '../engine/upgrade-state.js';
import { validateResource } from '../engine/validate.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import type { Value } from '../value/value.js';
import { diagnosticsOf, encodePath } from './diagnostics.js';
import { decodeObject, encodeDynamic, isNull } from './dynamic-value.js';
import { identityEntry, identityId } from './identity.js';
import type { Answer, Ask, Rpcs } from './rpc.js';
import type { Session } from './session.js';

/** The calls of this file. */
export type ResourceRpcs = Rpcs<
  | 'validateResourceConfig'
  | 'upgradeResourceState'
  | 'readResource'
  | 'planResourceChange'
  | 'applyResourceChange'
  | 'importResourceState'
  | 'generateResourceConfig'
>;

/** Makes the functions. */
export function resourceRpcs(session: Session): ResourceRpcs {
  return {
    validateResourceConfig: (request) => session.answer(() => validateConfig(session, request)),
    upgradeResourceState: (request) => session.answer(() => upgrade(session, request)),
    readResource: (request) => session.answer(() => read(session, request)),
    planResourceChange: (request) => session.answer(() => plan(session, request)),
    applyResourceChange: (request) => apply(session, request),
    importResourceState: (request) => session.answer(() => importState(session, request)),
    generateResourceConfig: (request) => session.answer(() => generate(session, request)),
  };
}

async function validateConfig(
  session: Session,
  { typeName, config }: Ask<'validateResourceConfig'>,
): Promise<Answer<'validateResourceConfig'>> {
  const shape = await session.resource(typeName);
  const value = decodeObject(config, shape.object.type);
  if (value === null) return {};
  return { diagnostics: session.tell(validateResource(shape, value, session.check)) };
}

async function upgrade(
  session: Session,
  { typeName, version, rawState }: Ask<'upgradeResourceState'>,
): Promise<Answer<'upgradeResourceState'>> {
  const shape = await session.resource(typeName);
  if (rawState === undefined || rawState.json.length === 0) {
    const detail =
      'it is in the form that Terraform 0.11 wrote, which no version of this provider did';
    throw new DiagnosticError([problem(`The state of ${typeName} cannot be read`, detail)]);
  }
  // Untouched where there is nothing to upgrade, which is nearly always.
  if (Number(version) === shape.schemaVersion) return { upgradedState: { json: rawState.json } };
  const json = upgradeState(shape, Number(version), Buffer.from(rawState.json).toString());
  return { upgradedState: { json: Buffer.from(json) } };
}

async function read(
  session: Session,
  request: Ask<'readResource'>,
): Promise<Answer<'readResource'>> {
  const { typeName, currentState } = request;
  const shape = await session.resource(typeName);
  const kept = decodePrivate(request.private);
  const attempt = (name: Value) => ({ verb: 'read', name: String(name) }) as const;
  const same = await told(shape, attempt(kept.origin?.id ?? ''), () =>
    isCurrent(shape, kept.origin, session.api),
  );
  // Byte for byte what Terraform has.
  if (same && currentState !== undefined) {
    const identity = identityEntry('newIdentity', { id: kept.origin?.id ?? null });
    return { newState: currentState, private: request.private, ...identity };
  }
  const prior = decodeObject(currentState, shape.object.type);
  if (prior === null) return { newState: encodeDynamic(null), private: request.private };
  const found = await told(shape, attempt(prior['name'] ?? prior['id'] ?? ''), () =>
    readResource(shape, prior, session.api),
  );
  if (found === null) return { newState: encodeDynamic(null), private: request.private };
  const { state, origin, etag } = found;
  return {
    newState: encodeDynamic(state),
    private: encodePrivate({ ...kept, origin, etag }),
    ...identityEntry('newIdentity', state),
  };
}

async function plan(
  session: Session,
  request: Ask<'planResourceChange'>,
): Promise<Answer<'planResourceChange'>> {
  const shape = await session.resource(request.typeName);
  // What another resource follows may change in the same plan.
  const mayFollow = shape.followed.length > 0 && session.changing.size > 0;
  const nothing = mayFollow ? undefined : nothingToPlan(shape, request);
  if (nothing !== undefined) return nothing;
  const { type } = shape.object;
  const kept = request.plannedPrivate.length > 0 ? request.plannedPrivate : request.priorPrivate;
  const question = {
    prior: decodeObject(request.priorState, type),
    config: isNull(request.proposedNewState) ? null : decodeObject(request.config, type),
    private: decodePrivate(kept),
  };
  const { disruptionLimit, changing } = session;
  const isChanging = (id: string): boolean => changing.has(id);
  const effects = { ...session.effects, disruptionLimit, isChanging };
  const planned = await planResource(shape, question, effects);
  if (planned.changesSpec) changing.add(String(question.prior?.['id']));
  const api = session.apiIfKnown;
  const judged = api === undefined ? [] : await session.judge.judge(shape, question, planned, api);
  return {
    plannedState: encodeDynamic(planned.planned),
    requiresReplace: planned.replace.map(encodePath),
    plannedPrivate: encodePrivate(planned.private),
    diagnostics: session.tell([...planned.diagnostics, ...judged]),
    // A new resource, and one that takes another's place, gets its identity when it is made.
    ...(planned.planned !== null && planned.replace.length === 0
      ? identityEntry('plannedIdentity', question.prior)
      : {}),
  };
}

/**
 * The plan where Terraform proposes what is there already, byte for byte: nothing changes. Not for
 * a type with files to upload, whose content may have changed.
 */
function nothingToPlan(
  { hasUploads }: ResourceShape,
  { priorState, proposedNewState, priorPrivate, priorIdentity }: Ask<'planResourceChange'>,
): Answer<'planResourceChange'> | undefined {
  if (priorState === undefined || proposedNewState === undefined || isNull(priorState)) return;
  if (Buffer.compare(priorState.msgpack, proposedNewState.msgpack) !== 0 || hasUploads) return;
  const identity = priorIdentity === undefined ? {} : { plannedIdentity: priorIdentity };
  return { plannedState: priorState, plannedPrivate: priorPrivate, ...identity };
}

async function apply(
  session: Session,
  request: Ask<'applyResourceChange'>,
): Promise<Answer<'applyResourceChange'>> {
  session.judge.applying();
  try {
    const shape = await session.resource(request.typeName);
    const { type } = shape.object;
    const question = {
      prior: decodeObject(request.priorState, type),
      planned: decodeObject(request.plannedState, type),
      config: decodeObject(request.config, type),
      private: decodePrivate(request.plannedPrivate),
    };
    const effects = { api: session.api, files: session.effects.files };
    const applied = await applyResource(shape, question, effects);
    return {
      newState: encodeDynamic(applied.state),
      private: encodePrivate(applied.private),
      diagnostics: session.tell(applied.diagnostics),
      ...identityEntry('newIdentity', applied.state),
    };
  } catch (error) {
    // Whatever was there is still what Terraform knows.
    const diagnostics = session.tell(diagnosticsOf(error));
    const { priorState, plannedIdentity } = request;
    return {
      ...(priorState === undefined ? {} : { newState: priorState }),
      ...(plannedIdentity === undefined ? {} : { newIdentity: plannedIdentity }),
      diagnostics,
    };
  }
}

async function importState(
  session: Session,
  { typeName, id: text, identity }: Ask<'importResourceState'>,
): Promise<Answer<'importResourceState'>> {
  const shape = await session.resource(typeName);
  const id = identityId(identity) ?? text;
  const attempt = { verb: 'import', name: id } as const;
  const state = await told(shape, attempt, () => importResource(shape, id, session.api));
  const imported = {
    typeName,
    state: encodeDynamic(state),
    ...identityEntry('identity', state),
  };
  return { importedResources: [imported] };
}

async function generate(
  session: Session,
  { typeName, state }: Ask<'generateResourceConfig'>,
): Promise<Answer<'generateResourceConfig'>> {
  const shape = await session.resource(typeName);
  const value = decodeObject(state, shape.object.type);
  return { config: encodeDynamic(value === null ? null : generateConfig(shape.object, value)) };
}

/** Does the work; tells what failed in the control plane's words and at the user's attribute. */
export async function told<T>(
  shape: ResourceShape,
  attempt: Parameters<typeof apiDiagnostics>[1],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new DiagnosticError(apiDiagnostics(shape, attempt, error));
  }
}
