/**
 * What a call is about, read from its method and its request by the contract: a resource, a new
 * one, a project, or what the caller may see. No table of methods: a method of a new resource is
 * understood from the fields of its request.
 */
import { create, type DescField, type DescMethod, type Message } from '@bufbuild/protobuf';
import { findField, readField } from '../resource/field-access.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType, TypeRegistry } from '../resource/type-registry.js';
import { defaultProject } from './header.js';

/** What a call is about. */
export type Target =
  /** All resources of a type that the caller may see: the answer holds only those. */
  | { readonly kind: 'visible'; readonly type: ResourceType }
  /** A resource that exists, or nothing of that id; no type where the contract has none. */
  | { readonly kind: 'resource'; readonly type: ResourceType | undefined; readonly id: string }
  /** A resource that might come to be. */
  | { readonly kind: 'new'; readonly type: ResourceType; readonly resource: AnyResource }
  /** A project, by its name. */
  | { readonly kind: 'project'; readonly name: string }
  /** Nothing that is in a project. */
  | { readonly kind: 'installation' }
  /** The caller itself. */
  | { readonly kind: 'self' };

/** Tells what a method's request is about. */
export type TargetOf = (request: Message) => Target;

/** What everybody may ask for who has proved who they are: it is about themselves. */
const ownMethods: ReadonlySet<string> = new Set([
  'TestPermissions',
  'IssueShortLivedApiToken',
  'RenewShortLivedApiToken',
  'RevokeShortLivedApiToken',
]);

/** Makes what tells, for each method, what its requests are about. */
export function createTargets(types: TypeRegistry): (method: DescMethod) => TargetOf {
  const known = new Map<DescMethod, TargetOf>();
  return (method) => {
    let targetOf = known.get(method);
    if (targetOf === undefined) {
      targetOf = readTarget(types, method);
      known.set(method, targetOf);
    }
    return targetOf;
  };
}

function readTarget(types: TypeRegistry, method: DescMethod): TargetOf {
  if (ownMethods.has(method.name)) return () => ({ kind: 'self' });
  const type = types.types.find(({ service }) => service.typeName === method.parent.typeName);
  const write = type?.methods.write;
  if (type !== undefined) {
    const { list, watch } = type.methods;
    if (method === list.method || method === watch.method) return () => ({ kind: 'visible', type });
  }
  if (type !== undefined && write !== undefined && method === write.create.method) {
    return (request) => newIn(type, resourceIn(request, write.create.request));
  }
  if (type !== undefined && write !== undefined && method === write.update.method) {
    return (request) => {
      const id = resourceIn(request, write.update.request)?.id ?? '';
      return { kind: 'resource', type, id };
    };
  }
  const readers = customReaders(types, type, method);
  return (request) => {
    for (const read of readers) {
      const target = read(request);
      if (target !== undefined) return target;
    }
    return { kind: 'installation' };
  };
}

type Reader = (request: Message) => Target | undefined;

/** In the order in which they are asked; the first that the request has a field for counts. */
function customReaders(
  types: TypeRegistry,
  type: ResourceType | undefined,
  { input }: DescMethod,
): readonly Reader[] {
  const readers: Reader[] = [];
  const [idField, typeField] = [findField(input, 'id'), findField(input, 'type')];
  if (idField !== undefined && typeField !== undefined) {
    readers.push((request) => {
      const [typeName, id] = [textIn(request, typeField), textIn(request, idField)];
      return { kind: 'resource', type: types.find(typeName), id };
    });
  }
  for (const field of input.fields) {
    const holds = field.message && types.findByMessage(field.message.typeName);
    if (holds === undefined || field.fieldKind !== 'message') continue;
    readers.push((request) => {
      const resource = resourceIn(request, field);
      return resource && newIn(holds, resource);
    });
  }
  if (idField !== undefined && type !== undefined) {
    readers.push((request) => ({ kind: 'resource', type, id: textIn(request, idField) }));
  }
  for (const field of input.fields) {
    const refers = types.find(field.name.replace(/_id$/, ''));
    if (!field.name.endsWith('_id') || refers === undefined || refers.type === 'project') continue;
    readers.push((request) => ({ kind: 'resource', type: refers, id: textIn(request, field) }));
  }
  const projectField = findField(input, 'project_id');
  if (projectField !== undefined) {
    readers.push((request) => ({
      kind: 'project',
      name: textIn(request, projectField) || defaultProject,
    }));
  }
  return readers;
}

function newIn(type: ResourceType, resource: AnyResource | undefined): Target {
  // A request without a resource breaks a rule, which its handler says to who may create any.
  const given = resource ?? (create(type.message) as AnyResource);
  const projectId = type.scope === 'installation' ? '' : given.projectId || defaultProject;
  return { kind: 'new', type, resource: { ...given, projectId } };
}

const resourceIn = (request: Message, field: DescField): AnyResource | undefined =>
  readField(request, field) as AnyResource | undefined;

const textIn = (request: Message, field: DescField): string =>
  String(readField(request, field) ?? '');
