/**
 * Compares intent with what backends hold: what is stray, missing, different or twice there, and
 * whose it is. Pure. What asks the backends, and what acts on the findings, is in the API.
 */
import { create } from '@bufbuild/protobuf';
import type { Node } from '@limiquantix/proto/compute/v1/node_pb.js';
import type { AuditEvent } from '@limiquantix/proto/identity/v1/audit_event_pb.js';
import {
  type Finding,
  type FindingOwner,
  FindingOwnerSchema,
  FindingSchema,
  FindingKind as Kind,
  Remedy,
} from '@limiquantix/proto/operations/v1/inventory_service_pb.js';
import type { Operation } from '@limiquantix/proto/operations/v1/operation_pb.js';
import { isReady } from '../resource/conditions.js';
import type { Lookup } from '../resource/lookup.js';
import { readyOf } from '../resource/ready.js';
import type { AnyResource, ResourceKey } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import type { BackendObject, Deviation, Inspected } from './backend-object.js';
import { nodesOf } from './desired.js';
import { conflictsIn, controlPlane, expectations } from './expectations.js';

/** A place, and what was found there. */
export interface Place {
  /** The node's id; the control plane's own place has none. */
  readonly nodeId: string;
  /** What was found, or why it could not be asked. */
  readonly found: Inspected | { readonly failure: string };
}

/** What is compared. */
export interface Comparison {
  readonly places: readonly Place[];
  /** The resources as they are wanted, and as they say they are. */
  readonly lookup: Lookup;
  readonly types: readonly ResourceType[];
  /** Whether nothing but a record stands for a resource. */
  readonly isObject: (resource: AnyResource, type: ResourceType) => boolean;
}

/** Everything that is not as wanted, in the order of places; what is not ours as well. */
export function findingsOf(comparison: Comparison): readonly Finding[] {
  const { places, lookup } = comparison;
  const judge = new Judge(comparison);
  const findings: Finding[] = [];
  for (const place of places) {
    if ('failure' in place.found) {
      findings.push(judge.unreachable(place, place.found.failure));
      continue;
    }
    const { objects, deviations, failures } = place.found;
    for (const failure of failures) findings.push(judge.unreachable(place, failure));
    for (const object of objects) findings.push(...judge.object(place, object));
    for (const deviation of deviations) findings.push(...judge.deviation(place, deviation));
  }
  findings.push(...judge.missing());
  for (const { resource, message } of conflictsIn(lookup)) {
    findings.push(judge.conflict(resource, message));
  }
  return [...findings, ...judge.notReady(findings)];
}

/** What tells one finding from another: the same at a second look is the same again. */
export function identityOf(finding: Finding): string {
  const { kind, nodeId, backend, objectKind, objectName, owner } = finding;
  return [kind, nodeId, backend, objectKind, objectName, owner?.type, owner?.id].join('\n');
}

/** What is said of a finding; the rest follows from where it is and whose it is. */
interface Said {
  readonly kind: Kind;
  readonly message: string;
  readonly advice: string;
  readonly remedy?: Remedy;
  readonly object?: Pick<BackendObject, 'backend' | 'kind' | 'name'>;
}

const repairs = 'limiquantix doctor --repair';

class Judge {
  readonly #comparison: Comparison;
  readonly #held = new Map<string, Set<string>>();
  #lastOwners: ReadonlyMap<string, LastOwner> | undefined;

  constructor(comparison: Comparison) {
    this.#comparison = comparison;
    for (const { nodeId, found } of comparison.places) {
      if ('failure' in found) continue;
      for (const { kind, type, id } of found.objects) {
        const key = `${kind} ${type}/${id}`;
        this.#held.set(key, (this.#held.get(key) ?? new Set()).add(nodeId));
      }
    }
  }

  unreachable({ nodeId }: Place, failure: string): Finding {
    const key = { type: 'node', id: nodeId };
    return this.#finding(nodeId, nodeId === controlPlane ? undefined : this.#ownerOf(key), {
      kind: Kind.UNREACHABLE,
      message: failure,
      advice: 'see that it runs and can be reached, then look again: nobody knows what is there',
    });
  }

  object({ nodeId }: Place, object: BackendObject): readonly Finding[] {
    const { lookup } = this.#comparison;
    const { type, id, detail } = object;
    if (id === '') {
      const message = detail === '' ? "is not LimiQuantix's" : `${detail}; not LimiQuantix's`;
      const advice = 'LimiQuantix leaves it alone';
      return [this.#finding(nodeId, undefined, { kind: Kind.FOREIGN, message, advice, object })];
    }
    const owner = this.#ownerOf({ type, id }, object);
    const resource = lookup.get(type, id);
    const removal = removalOf(object);
    const state = detail === '' ? '' : `, ${detail}`;
    if (resource === undefined) {
      const message = `there is no such ${labelOf(type)} any more${state}`;
      return [this.#finding(nodeId, owner, { kind: Kind.STRAY, message, object, ...removal })];
    }
    // What is being removed is on its way out; that it takes long, its own state says.
    if (resource.deletionRequestedAt !== undefined || nodeId === controlPlane) return [];
    const places = nodesOf(type, resource, lookup);
    if (places.has(nodeId)) return [];
    const home = [...places].map((place) => this.#nameOf(place)).join(', ') || 'no node';
    const isTwice = [...places].some((place) => this.#isHeld(object.kind, { type, id }, place));
    const message = `belongs to ${home}, which has it${isTwice ? ' as well' : ' not'}${state}`;
    const kind = isTwice && type === 'vm' ? Kind.DUPLICATE : Kind.STRAY;
    return [this.#finding(nodeId, owner, { kind, message, object, ...removal })];
  }

  deviation({ nodeId }: Place, { type, id, message }: Deviation): readonly Finding[] {
    const { lookup } = this.#comparison;
    const resource = lookup.get(type, id);
    if (resource === undefined || resource.deletionRequestedAt !== undefined) return [];
    if (nodeId !== controlPlane && !nodesOf(type, resource, lookup).has(nodeId)) return [];
    return [this.#ofResource(nodeId, { type, id }, { kind: Kind.DIFFERS, message })];
  }

  /** What resources say that they have, and no backend that was asked does. */
  missing(): readonly Finding[] {
    const { places, lookup, types, isObject } = this.#comparison;
    const asked = new Set(places.filter(({ found }) => !('failure' in found)).map(idOfPlace));
    const findings: Finding[] = [];
    for (const type of types) {
      const rule = expectations.get(type.type);
      if (rule === undefined) continue;
      for (const resource of lookup.list(type.type)) {
        if (resource.deletionRequestedAt !== undefined || isObject(resource, type)) continue;
        const key = { type: type.type, id: resource.id };
        for (const place of rule.placesOf(resource)) {
          if (!asked.has(place) || this.#isHeld(rule.kind, key, place)) continue;
          const message = `${rule.backend} has no ${rule.kind} for it`;
          const object = { ...rule, name: '' };
          findings.push(this.#ofResource(place, key, { kind: Kind.MISSING, message, object }));
        }
      }
    }
    return findings;
  }

  conflict(key: ResourceKey, message: string): Finding {
    return this.#finding(controlPlane, this.#ownerOf(key), {
      kind: Kind.CONFLICT,
      message,
      advice:
        'replace one of the two, or move machines away; this must not happen: tell its makers',
    });
  }

  /** Resources that are not as wanted by their own words, but for those already found. */
  notReady(findings: readonly Finding[]): readonly Finding[] {
    const { lookup, types } = this.#comparison;
    const told = new Set(findings.map(({ owner }) => `${owner?.type}/${owner?.id}`));
    return types
      .filter(({ readiness }) => readiness === 'condition')
      .flatMap((type) =>
        lookup
          .list(type.type)
          .filter((resource) => !told.has(`${type.type}/${resource.id}`))
          .flatMap((resource) => this.#notReady(type, resource)),
      );
  }

  #notReady({ type }: ResourceType, resource: AnyResource): readonly Finding[] {
    const said = readyOf(resource.status?.conditions)?.message ?? '';
    const about = said === '' ? '' : `: ${said}`;
    const isLeaving = resource.deletionRequestedAt !== undefined;
    if (!isLeaving && isReady(resource)) return [];
    const what = isLeaving ? 'its removal is not done' : 'it is not ready';
    const nodeId = expectations.get(type)?.placesOf(resource)[0] ?? controlPlane;
    const message = `${what}${about}`;
    return [this.#ofResource(nodeId, { type, id: resource.id }, { kind: Kind.NOT_READY, message })];
  }

  #ofResource(
    nodeId: string,
    key: ResourceKey,
    said: Pick<Said, 'kind' | 'message' | 'object'>,
  ): Finding {
    const owner = this.#ownerOf(key);
    const advice = `${repairs} looks at it again; limiquantix describe ${key.type} ${owner.name} says more`;
    return this.#finding(nodeId, owner, { ...said, advice, remedy: Remedy.RECONCILE });
  }

  #finding(nodeId: string, owner: FindingOwner | undefined, said: Said): Finding {
    const { kind, message, advice, remedy = Remedy.UNSPECIFIED, object } = said;
    return create(FindingSchema, {
      ...{ kind, nodeId, message, advice, remedy },
      place: this.#nameOf(nodeId),
      backend: object?.backend ?? '',
      objectKind: object?.kind ?? '',
      objectName: object?.name ?? '',
      ...(owner && { owner }),
    });
  }

  #nameOf(nodeId: string): string {
    if (nodeId === controlPlane) return 'control plane';
    return this.#comparison.lookup.get<Node>('node', nodeId)?.name ?? nodeId;
  }

  #isHeld(kind: string, { type, id }: ResourceKey, place: string): boolean {
    return this.#held.get(`${kind} ${type}/${id}`)?.has(place) ?? false;
  }

  #ownerOf({ type, id }: ResourceKey, object?: BackendObject): FindingOwner {
    const { lookup } = this.#comparison;
    const resource = lookup.get(type, id);
    if (resource !== undefined) {
      const { name, projectId } = resource;
      return create(FindingOwnerSchema, { type, id, name, projectId, exists: true });
    }
    this.#lastOwners ??= lastOwners(lookup);
    const last = this.#lastOwners.get(id);
    return create(FindingOwnerSchema, {
      ...{ type, id, exists: false },
      name: object?.resourceName || (last?.name ?? ''),
      projectId: object?.projectId || (last?.projectId ?? ''),
    });
  }
}

const idOfPlace = ({ nodeId }: Place): string => nodeId;

const labelOf = (type: string): string => type.replaceAll('_', ' ');

function removalOf({ holdsData }: BackendObject): Pick<Said, 'advice' | 'remedy'> {
  if (!holdsData) return { advice: `${repairs} removes it`, remedy: Remedy.REMOVE };
  const advice = `look whether its data is needed; ${repairs} --delete-data removes it for good`;
  return { advice, remedy: Remedy.REMOVE_DATA };
}

interface LastOwner {
  readonly name: string;
  readonly projectId: string;
}

/** Who resources were that are gone, as far as calls and operations that were about them tell. */
function lastOwners(lookup: Lookup): ReadonlyMap<string, LastOwner> {
  const owners = new Map<string, LastOwner>();
  for (const { projectId, spec } of lookup.list<Operation>('operation')) {
    if (spec) owners.set(spec.targetId, { name: spec.targetName, projectId });
  }
  for (const { projectId, spec } of lookup.list<AuditEvent>('audit_event')) {
    if (spec) owners.set(spec.resourceId, { name: spec.resourceName, projectId });
  }
  return owners;
}
