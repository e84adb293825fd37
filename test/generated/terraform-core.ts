/**
 * What Terraform's core does with a provider, without Terraform: the calls of a resource's life in
 * their order, with the checks that core makes of every answer ("Provider produced inconsistent
 * result"). A step takes a millisecond where the command takes a second, so that every field can be
 * tried.
 */
import {
  create,
  type DescMethod,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type Diagnostic,
  Diagnostic_Severity,
  Provider,
  type ResourceIdentityData,
} from '../../provider/gen/tfplugin6_pb.js';
import { whole } from '../../provider/src/engine/engine-testing.js';
import type { Method } from '../../provider/src/plugin/grpc-server.js';
import type { ActionShape } from '../../provider/src/schema/action-shape.js';
import { identityType } from '../../provider/src/schema/identity-schema.js';
import { listArguments } from '../../provider/src/schema/list-shape.js';
import { providerArguments } from '../../provider/src/schema/provider-shape.js';
import type { ResourceShape } from '../../provider/src/schema/resource-shape.js';
import type { ObjectShape } from '../../provider/src/schema/shape.js';
import { decodeObject, encodeDynamic } from '../../provider/src/tfplugin6/dynamic-value.js';
import {
  isList,
  isObject,
  isUnknown,
  type ObjectValue,
  sameValue,
  type Value,
} from '../../provider/src/value/value.js';

/** A resource as Terraform's state has it. */
export interface State {
  readonly value: ObjectValue;
  readonly private: Uint8Array;
}

/** A planned change. */
export interface Planned {
  readonly planned: ObjectValue | null;
  readonly private: Uint8Array;
  /** Paths of attributes that need a new resource. */
  readonly replace: readonly string[];
  readonly warnings: readonly string[];
}

type Methods = typeof Provider.method;

/** The calls. Everything throws with the diagnostics' text where there are errors. */
export class TerraformCore {
  constructor(private readonly methods: ReadonlyMap<string, Method>) {}

  /** Configures the provider from its environment. */
  async configure(): Promise<void> {
    const config = Object.fromEntries(providerArguments.map(({ name }) => [name, null]));
    await this.ask('configureProvider', {
      config: encodeDynamic(config),
      terraformVersion: '1.11.0',
    });
  }

  /** The errors of a configuration. */
  async errors({ typeName }: ResourceShape, config: ObjectValue): Promise<string[]> {
    const { diagnostics } = await this.call('validateResourceConfig', {
      typeName,
      config: encodeDynamic(config),
    });
    return errorsOf(diagnostics);
  }

  /** Plans `config` on `state`; null deletes. */
  async plan(
    shape: ResourceShape,
    state: State | null,
    config: ObjectValue | null,
  ): Promise<Planned> {
    const answer = await this.ask('planResourceChange', {
      typeName: shape.typeName,
      priorState: encodeDynamic(state?.value ?? null),
      config: encodeDynamic(config),
      proposedNewState: encodeDynamic(config),
      priorPrivate: state?.private ?? new Uint8Array(),
      ...(state === null ? {} : { priorIdentity: identityOf(String(state.value['id'])) }),
    });
    const planned = decodeObject(answer.plannedState, shape.object.type);
    const isKept = planned !== null && answer.requiresReplace.length === 0;
    checkIdentity(isKept ? (state?.value ?? null) : null, answer.plannedIdentity);
    if (config !== null && planned !== null) {
      checkPlan(shape.object, { config, prior: state?.value ?? null, planned }, '');
    }
    const warnings = answer.diagnostics
      .filter(({ severity }) => severity === Diagnostic_Severity.WARNING)
      .map(({ detail }) => detail);
    const replace = answer.requiresReplace.map(({ steps }) =>
      steps.map(({ selector }) => String(selector.value)).join('.'),
    );
    return { planned, private: answer.plannedPrivate, replace, warnings };
  }

  /** Applies what was planned. */
  async apply(
    shape: ResourceShape,
    state: State | null,
    config: ObjectValue | null,
    { planned, private: kept }: Planned,
  ): Promise<State | null> {
    const answer = await this.ask('applyResourceChange', {
      typeName: shape.typeName,
      priorState: encodeDynamic(state?.value ?? null),
      plannedState: encodeDynamic(planned),
      config: encodeDynamic(config),
      plannedPrivate: kept,
    });
    const value = decodeObject(answer.newState, shape.object.type);
    checkIdentity(value, answer.newIdentity);
    if (value === null) return null;
    if (planned !== null) checkApplied(planned, value, '');
    return { value, private: answer.private };
  }

  /** Plans and applies. */
  async change(
    shape: ResourceShape,
    state: State | null,
    config: ObjectValue | null,
  ): Promise<State | null> {
    return this.apply(shape, state, config, await this.plan(shape, state, config));
  }

  /** Refreshes. */
  async read(shape: ResourceShape, state: State): Promise<State | null> {
    const answer = await this.ask('readResource', {
      typeName: shape.typeName,
      currentState: encodeDynamic(state.value),
      private: state.private,
    });
    const value = decodeObject(answer.newState, shape.object.type);
    checkIdentity(value, answer.newIdentity);
    return value === null ? null : { value, private: answer.private };
  }

  /** Imports, by a text or by an identity, and refreshes. */
  async import(shape: ResourceShape, by: string | { id: string }): Promise<State | null> {
    const { typeName } = shape;
    const what = typeof by === 'string' ? { id: by } : { identity: identityOf(by.id) };
    const { importedResources } = await this.ask('importResourceState', { typeName, ...what });
    const [imported] = importedResources;
    const id = typeof by === 'string' ? by : by.id;
    const value = decodeObject(imported?.state, shape.object.type);
    checkIdentity(value, imported?.identity);
    if (value === null || imported === undefined) throw new Error(`${id} was not imported`);
    return this.read(shape, { value, private: imported.private });
  }

  /** Finds what could be imported. Throws with the diagnostics' text where there are errors. */
  async list(
    shape: ResourceShape,
    config: ObjectValue,
    { limit = 100, includeResourceObject = false } = {},
  ): Promise<{ id: string; displayName: string; resource: ObjectValue | null }[]> {
    const empty = listArguments(shape).map(({ name }) => [name, null] as const);
    const events = await this.stream('listResource', {
      typeName: shape.typeName,
      config: encodeDynamic({ ...Object.fromEntries(empty), ...config }),
      includeResourceObject,
      limit: BigInt(limit),
    });
    return events.map(({ identity, displayName, resourceObject, diagnostic }) => {
      const errors = errorsOf(diagnostic);
      if (errors.length > 0) throw new Error(errors.join('; '));
      const id = decodeObject(identity?.identityData, identityType)?.['id'];
      if (typeof id !== 'string') throw new Error('an item of the list has no identity');
      return { id, displayName, resource: decodeObject(resourceObject, shape.object.type) };
    });
  }

  /** The errors of an action's configuration, as it is validated and planned. */
  async actionErrors({ typeName, request }: ActionShape, given: ObjectValue): Promise<string[]> {
    const config = encodeDynamic(whole(request, given));
    const validated = await this.call('validateActionConfig', { typeName, config });
    const planned = await this.call('planAction', { actionType: typeName, config });
    expect(errorsOf(planned.diagnostics)).toEqual(errorsOf(validated.diagnostics));
    return errorsOf(planned.diagnostics);
  }

  /** Carries an action out: what it told meanwhile, and its errors at the end. */
  async invoke(
    { typeName, request }: ActionShape,
    given: ObjectValue,
  ): Promise<{ progress: string[]; errors: string[] }> {
    const config = encodeDynamic(whole(request, given));
    const events = await this.stream('invokeAction', { actionType: typeName, config });
    const last = events.pop()?.type;
    if (last?.case !== 'completed') throw new Error('the last event is not the end');
    const progress = events.map(({ type }) => {
      if (type.case !== 'progress') throw new Error('an end that is not the last event');
      return type.value.message;
    });
    return { progress, errors: errorsOf(last.value.diagnostics) };
  }

  /** Any other call. Throws with the diagnostics' text where there are errors. */
  async ask<Name extends keyof Methods & string>(
    name: Name,
    request: object,
  ): Promise<MessageShape<Methods[Name]['output']>> {
    const answer = await this.call(name, request);
    const { diagnostics = [] } = answer as { diagnostics?: Diagnostic[] };
    const errors = errorsOf(diagnostics);
    if (errors.length > 0) throw new Error(`${name}: ${errors.join('; ')}`);
    return answer;
  }

  private async stream<Name extends keyof Methods & string>(
    name: Name,
    request: object,
  ): Promise<MessageShape<Methods[Name]['output']>[]> {
    const desc: DescMethod = Provider.method[name];
    const method = this.methods.get(desc.name);
    if (method?.kind !== 'stream') throw new Error(`the provider has no stream ${desc.name}`);
    const bytes = toBinary(desc.input, create(desc.input, request as Record<string, unknown>));
    const items: MessageShape<Methods[Name]['output']>[] = [];
    for await (const item of method.handle(bytes))
      items.push(fromBinary(desc.output, item) as never);
    return items;
  }

  private async call<Name extends keyof Methods & string>(
    name: Name,
    request: object,
  ): Promise<MessageShape<Methods[Name]['output']>> {
    const desc: DescMethod = Provider.method[name];
    const method = this.methods.get(desc.name);
    if (method?.kind !== 'unary') throw new Error(`the provider has no ${desc.name}`);
    const bytes = toBinary(desc.input, create(desc.input, request as Record<string, unknown>));
    return fromBinary(desc.output, await method.handle(bytes)) as never;
  }
}

const identityOf = (id: string) => ({ identityData: encodeDynamic({ id }) });

/** Core's check of an identity: that of what is there, and none of what is gone or to be made. */
function checkIdentity(
  value: ObjectValue | null,
  identity: ResourceIdentityData | undefined,
): void {
  const found = decodeObject(identity?.identityData, identityType)?.['id'];
  if (found !== value?.['id']) throw new Error(`the identity is ${found}, not ${value?.['id']}`);
}

function errorsOf(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics
    .filter(({ severity }) => severity === Diagnostic_Severity.ERROR)
    .map(({ summary, detail }) => `${summary}: ${detail}`);
}

/** Core's check of a plan: what is configured is planned, what isn't computed is not invented. */
function checkPlan(
  shape: ObjectShape,
  at: { config: ObjectValue; prior: ObjectValue | null; planned: ObjectValue },
  path: string,
): void {
  for (const { name, mode, role, element, collection } of shape.attributes) {
    const inside = `${path}${name}`;
    const [config, planned] = [at.config[name] ?? null, at.planned[name] ?? null];
    if (role === 'secret') {
      if (planned !== null) throw new Error(`${inside}: a write-only value is planned`);
    } else if (config === null) {
      if (mode !== 'computed' && mode !== 'optional_computed' && planned !== null) {
        throw new Error(`${inside}: planned ${show(planned)} where the configuration has none`);
      }
    } else if (typeof element === 'string' || isUnknown(config)) {
      if (!sameValue(config, planned)) {
        throw new Error(`${inside}: planned ${show(planned)} for ${show(config)}`);
      }
    } else {
      const prior = at.prior?.[name] ?? null;
      for (const [key, pair] of pairs(collection, { config, prior, planned })) {
        checkPlan(element, pair, `${inside}${key}.`);
      }
    }
  }
}

type Triple<T> = { config: T; prior: T | null; planned: T };

function pairs(collection: string, at: Triple<Value>): [string, Triple<ObjectValue>][] {
  if (collection === 'one') return [['', asObjects(at)]];
  const entries = (value: Value | null): [string, Value][] =>
    isList(value) ? value.map((item, i) => [String(i), item]) : Object.entries(value ?? {});
  const [planned, prior] = [new Map(entries(at.planned)), new Map(entries(at.prior))];
  if (planned.size !== entries(at.config).length) throw new Error('another number of elements');
  return entries(at.config).map(([key, config]) => {
    const triple = { config, prior: prior.get(key) ?? null, planned: planned.get(key) ?? null };
    return [`[${key}]`, asObjects(triple)];
  });
}

function asObjects({ config, prior, planned }: Triple<Value>): Triple<ObjectValue> {
  if (!isObject(config) || !isObject(planned)) {
    throw new Error(`planned ${show(planned)} for ${show(config)}`);
  }
  return { config, planned, prior: isObject(prior) ? prior : null };
}

/** Core's check of a new state: what was planned and known is so, and nothing stays unknown. */
function checkApplied(planned: Value, value: Value, path: string): void {
  if (isUnknown(value)) throw new Error(`${path}: still unknown after apply`);
  if (isUnknown(planned)) return;
  if (isObject(planned) && isObject(value)) {
    const keys = new Set([...Object.keys(planned), ...Object.keys(value)]);
    for (const key of keys) {
      checkApplied(planned[key] ?? null, value[key] ?? null, `${path}.${key}`);
    }
  } else if (isList(planned) && isList(value) && planned.length === value.length) {
    for (const [i, item] of planned.entries()) {
      checkApplied(item, value[i] ?? null, `${path}[${i}]`);
    }
  } else if (!sameValue(planned, value)) {
    throw new Error(`${path}: ${show(value)} where ${show(planned)} was planned`);
  }
}

/** A value for a message. */
export function show(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'bigint' ? String(part) : part,
  );
}

/** Paths at which two values differ, as deep as both have something: `cpu.cores`. */
export function differences(a: Value, b: Value, path = ''): string[] {
  if (sameValue(a, b)) return [];
  if (!isObject(a) || !isObject(b)) return [path];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) =>
    differences(a[key] ?? null, b[key] ?? null, path === '' ? key : `${path}.${key}`),
  );
}
