/**
 * The contract's own methods beside the standard ones, in the words of the command line: `drain` of
 * a node for DrainNode, `--grace 30s` for `grace_seconds`, `--pool local` for `pool_id`. Pure.
 */
import type { DescField, DescMethod } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { behaviorOf } from '../resource/field-access.js';
import { contractTypes, type ResourceType } from '../resource/type-registry.js';
import { enumWordsOf } from './words/enum-words.js';

/** A method as a command. */
export interface MethodWords {
  readonly type: ResourceType;
  readonly method: DescMethod;
  /** Its word, such as `drain`. */
  readonly verb: string;
  /** The field that names the resource; undefined where the method is of none. */
  readonly idField: DescField | undefined;
  /** The field for the client's word for a request, if it has one. */
  readonly requestIdField: DescField | undefined;
  /** The field for the project that is meant, if it has one. */
  readonly projectIdField: DescField | undefined;
  readonly flags: readonly Flag[];
  /** Whether it changes nothing. */
  readonly isRead: boolean;
}

/** A field of a request as an option. */
export interface Flag {
  readonly field: DescField;
  /** Its name, such as `target-node`. */
  readonly name: string;
  /** What stands for the value in help, such as `duration`; empty for a switch. */
  readonly value: string;
  readonly kind:
    | 'switch'
    | 'choice'
    | 'duration'
    | 'reference'
    | 'number'
    | 'text'
    | 'entry'
    | 'object';
  /** The words of a choice. */
  readonly choices: readonly string[];
  /** The type whose name or id a reference is. */
  readonly reference: ResourceType | undefined;
  readonly isRequired: boolean;
  readonly isRepeated: boolean;
  /** Whether a switch may be turned off as well as on. */
  readonly isOptional: boolean;
}

/** The methods of a type beside the standard ones, in the contract's order. */
export function methodsOf(type: ResourceType): MethodWords[] {
  const { get, list, watch, write } = type.methods;
  const standard = [get, list, watch, write?.create, write?.update, write?.delete];
  const names = new Set(standard.map((one) => one?.method.name));
  return type.service.methods
    .filter((method) => !names.has(method.name))
    .filter(({ methodKind }) => methodKind === 'unary' || methodKind === 'server_streaming')
    .map((method) => wordsFor(type, method));
}

/** The types that have methods of their own. */
export function typesWithMethods(): ResourceType[] {
  return contractTypes.types.filter((type) => methodsOf(type).length > 0);
}

/** Fields that a command fills in by itself. */
const ownFields = new Set(['id', 'request_id', 'etag', 'project_id']);

function wordsFor(type: ResourceType, method: DescMethod): MethodWords {
  const { fields } = method.input;
  const named = (name: string) => fields.find((field) => field.name === name);
  return {
    type,
    method,
    verb: verbOf(type, method),
    idField: named('id'),
    requestIdField: named('request_id'),
    projectIdField: named('project_id'),
    flags: fields.filter(({ name }) => !ownFields.has(name)).map((field) => flagFor(type, field)),
    // NO_SIDE_EFFECTS; a stream tells what is.
    isRead: method.idempotency === 1 || method.methodKind !== 'unary',
  };
}

/** `StartVirtualMachine` of a VirtualMachine is `start`, `GetPoolMetrics` of a StoragePool `get-metrics`. */
function verbOf({ message }: ResourceType, { name }: DescMethod): string {
  const all = wordsOf(name);
  const own = wordsOf(message.name);
  for (const noun of [own, own.slice(-1)]) {
    const at = indexOfRun(all, noun);
    const left = at < 0 ? [] : all.toSpliced(at, noun.length);
    if (left.length > 0) return left.join('-');
  }
  return all.join('-');
}

const wordsOf = (name: string): string[] =>
  name
    .replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '-')
    .toLowerCase()
    .split('-');

function indexOfRun(words: readonly string[], run: readonly string[]): number {
  return words.findIndex((_, at) => run.every((word, i) => words[at + i] === word));
}

function flagFor(type: ResourceType, field: DescField): Flag {
  const isRepeated = field.fieldKind === 'list' || field.fieldKind === 'map';
  const base = {
    field,
    name: field.name.replaceAll('_', '-'),
    choices: [],
    reference: undefined,
    isRequired: behaviorOf(field).required,
    isRepeated,
    isOptional: field.presence === FeatureSet_FieldPresence.EXPLICIT,
  };
  if (field.fieldKind === 'map') return { ...base, value: 'key=value', kind: 'entry' };
  if (field.message !== undefined) return { ...base, value: 'yaml', kind: 'object' };
  if (field.enum !== undefined) {
    const choices = enumWordsOf(field as DescField & { enum: NonNullable<DescField['enum']> });
    return { ...base, value: 'word', kind: 'choice', choices };
  }
  if (field.scalar === boolType) return { ...base, value: '', kind: 'switch' };
  if (field.name.endsWith('_seconds')) {
    // One word for one thing: a drain's `grace_seconds` is a stop's `graceful_seconds`.
    const name = base.name.replace(/-seconds$/, '').replace(/^graceful$/, 'grace');
    return { ...base, name, value: 'duration', kind: 'duration' };
  }
  const reference = referenceOf(type, field);
  if (reference !== undefined) {
    const name = base.name.replace(/-ids?$/, '');
    return { ...base, name, value: 'name', kind: 'reference', reference };
  }
  const isText = field.scalar === stringType || field.scalar === bytesType;
  const value = isText ? 'text' : behaviorOf(field).unit || 'number';
  return { ...base, value, kind: isText ? 'text' : 'number' };
}

// The numbers of google.protobuf.FieldDescriptorProto.Type.
const [boolType, stringType, bytesType] = [8, 9, 12];

/** The type that `target_node_id`, or in a machine's method `snapshot_id`, names. */
function referenceOf(type: ResourceType, field: DescField): ResourceType | undefined {
  const { reference } = behaviorOf(field);
  if (reference !== '') return contractTypes.find(reference);
  const noun = /^(.+)_ids?$/.exec(field.name)?.[1];
  if (noun === undefined) return undefined;
  const exact = contractTypes.find(noun) ?? contractTypes.find(`${type.type}_${noun}`);
  if (exact !== undefined) return exact;
  const last = noun.slice(noun.lastIndexOf('_') + 1);
  const ofKind = contractTypes.types.filter((one) => one.type.endsWith(`_${last}`));
  return contractTypes.find(last) ?? (ofKind.length === 1 ? ofKind[0] : undefined);
}
