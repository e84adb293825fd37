/**
 * What the resource types are: each message of the contract with the `resource` option, its service
 * and the fields of the standard methods' requests and responses. A type's descriptors are looked at
 * when something of them is asked for, for a command needs one or two of them.
 * Everything generic asks here; no other code knows a type by name.
 */
import type { DescField, DescMessage, DescMethod, DescService } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { type ResourceRow, resourceRows } from '@limiquantix/proto/resources.js';
import { LimiError } from './error.js';
import type { TypeName } from './resource.js';

/** The standard methods of a type, with the fields that hold the resource. */
export interface StandardMethods {
  readonly get: Pick<MethodFields, 'method' | 'response'>;
  /** `response` is the repeated field of the page. */
  readonly list: Pick<MethodFields, 'method' | 'response'>;
  readonly watch: Pick<MethodFields, 'method' | 'response'>;
  /** Absent for a type that only LimiQuantix creates and changes. */
  readonly write: WriteMethods | undefined;
}

/** The methods that change resources. */
export interface WriteMethods {
  readonly create: MethodFields;
  readonly update: MethodFields;
  readonly delete: Pick<MethodFields, 'method' | 'response'>;
}

/** A method and where its messages hold the resource. */
export interface MethodFields {
  readonly method: DescMethod;
  /** The request's field that holds the resource. */
  readonly request: DescField;
  /** The response's field that holds the resource, or the page of them. */
  readonly response: DescField;
}

/** A resource type. */
export interface ResourceType {
  /** Its one name, such as `storage_pool`. */
  readonly type: TypeName;
  readonly plural: string;
  /** For messages: `storage pool`. */
  readonly label: string;
  readonly scope: 'project' | 'installation';
  /** Of the installation's: whether all are read by whoever reads the type in any project. */
  readonly isShared: boolean;
  /** Whether clients wait for the condition Ready, or for nothing. */
  readonly readiness: 'condition' | 'stored';
  /** Paths of the fields that the command line shows. */
  readonly columns: readonly string[];
  readonly message: DescMessage;
  /** The numbers of fields of its header, for reading and writing it as bytes. */
  readonly header: Readonly<Record<'name' | 'revision' | 'etag', number>>;
  readonly spec: DescMessage;
  readonly status: DescMessage;
  readonly service: DescService;
  readonly methods: StandardMethods;
}

/** All resource types. */
export interface TypeRegistry {
  /** In the order of the contract's files. */
  readonly types: readonly ResourceType[];
  /** The type, or undefined where there is none of that name. */
  find(type: TypeName): ResourceType | undefined;
  /** The type. Throws where there is none of that name: the caller has it from the contract. */
  get(type: TypeName): ResourceType;
  /** The type whose resources are messages of this full name, or undefined. */
  findByMessage(typeName: string): ResourceType | undefined;
}

/** The registry of some types. */
function createTypeRegistry(rows: readonly ResourceRow[]): TypeRegistry {
  const types = rows.map(lateType);
  const byName = new Map(types.map((type) => [type.type, type]));
  const byMessage = new Map(rows.map(({ typeName }, at) => [typeName, types[at]]));
  return {
    types,
    find: (type) => byName.get(type),
    get(type) {
      const found = byName.get(type);
      if (found === undefined) throw new Error(`the contract has no resource type ${type}`);
      return found;
    },
    findByMessage: (typeName) => byMessage.get(typeName),
  };
}

/** The methods that change resources. Throws where only LimiQuantix changes those of the type. */
export function writeMethodsOf({ methods, label }: ResourceType): WriteMethods {
  if (methods.write !== undefined) return methods.write;
  throw new LimiError({
    code: Code.Unimplemented,
    reason: 'READ_ONLY',
    message: `a ${label} is made and changed by LimiQuantix only; it can be read and watched`,
  });
}

/** A type whose descriptors are looked at when they are asked for, and then kept. */
function lateType({ typeName: _, isReadOnly, ...facts }: ResourceRow): ResourceType {
  const { message, service } = facts;
  const header = once(() => ({
    name: numberOf(message, 'name'),
    revision: numberOf(message, 'revision'),
    etag: numberOf(message, 'etag'),
  }));
  const spec = once(() => messageOf(message, 'spec'));
  const status = once(() => messageOf(message, 'status'));
  const methods = once(() => findMethods(message, service, isReadOnly));
  return {
    ...facts,
    label: facts.type.replaceAll('_', ' '),
    get header() {
      return header();
    },
    get spec() {
      return spec();
    },
    get status() {
      return status();
    },
    get methods() {
      return methods();
    },
  };
}

/** Makes a value when it is asked for first. */
function once<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** The types of the contract that this build was made with. */
export const contractTypes: TypeRegistry = createTypeRegistry(resourceRows);

function numberOf(parent: DescMessage, name: string): number {
  const field = parent.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new Error(`${parent.typeName} has no field ${name}`);
  return field.number;
}

function messageOf(parent: DescMessage, name: string): DescMessage {
  const field = parent.fields.find((candidate) => candidate.name === name);
  if (field?.fieldKind !== 'message') throw new Error(`${parent.typeName} has no message ${name}`);
  return field.message;
}

function findMethods(
  message: DescMessage,
  service: DescService,
  isReadOnly: boolean,
): StandardMethods {
  const named = (verb: string): DescMethod =>
    find(service, verb, ({ name }) => name === `${verb}${message.name}`);
  const both = (method: DescMethod): MethodFields => ({
    method,
    request: fieldOf(method.input, message, 'message'),
    response: fieldOf(method.output, message, 'message'),
  });
  const answer = (method: DescMethod, kind: 'message' | 'list' = 'message') => ({
    method,
    response: fieldOf(method.output, message, kind),
  });
  return {
    get: answer(named('Get')),
    list: answer(find(service, 'List', listsOf(message)), 'list'),
    watch: answer(find(service, 'Watch', watches(message))),
    write: isReadOnly
      ? undefined
      : {
          create: both(named('Create')),
          update: both(named('Update')),
          delete: answer(named('Delete')),
        },
  };
}

type MethodTest = (method: DescMethod) => boolean;

function listsOf(message: DescMessage): MethodTest {
  return ({ name, output }) => name.startsWith('List') && holds(output, message, 'list');
}

function watches(message: DescMessage): MethodTest {
  return ({ name, output, methodKind }) =>
    name.startsWith('Watch') && methodKind === 'server_streaming' && holds(output, message);
}

function find(service: DescService, verb: string, matches: MethodTest): DescMethod {
  const method = service.methods.find(matches);
  if (method === undefined) throw new Error(`${service.typeName} has no method ${verb}`);
  return method;
}

function holds(
  container: DescMessage,
  message: DescMessage,
  kind: 'message' | 'list' = 'message',
): boolean {
  return container.fields.some((field) => isOf(field, message, kind));
}

function fieldOf(
  container: DescMessage,
  message: DescMessage,
  kind: 'message' | 'list',
): DescField {
  const field = container.fields.find((candidate) => isOf(candidate, message, kind));
  if (field === undefined) {
    throw new Error(`${container.typeName} has no field of ${message.typeName}`);
  }
  return field;
}

function isOf(field: DescField, message: DescMessage, kind: 'message' | 'list'): boolean {
  return field.fieldKind === kind && field.message?.typeName === message.typeName;
}
