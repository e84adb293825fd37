/** What an audit event tells of a call: who did what to which resource, never a value. Pure. */
import { create } from '@bufbuild/protobuf';
import {
  type AuditEvent,
  AuditEventPhase,
  AuditEventSchema,
} from '@limiquantix/proto/identity/v1/audit_event_pb.js';
import type { Operation } from '@limiquantix/proto/operations/v1/operation_pb.js';
import { intentChanges } from '../resource/changes.js';
import type { Lookup } from '../resource/lookup.js';
import { ready } from '../resource/ready.js';
import type { AnyResource } from '../resource/resource.js';
import type { ResourceType } from '../resource/type-registry.js';
import { projectOf } from './access.js';

/** A call that somebody makes. */
export interface Author {
  /** Such as `user:alice`. */
  readonly actor: string;
  /** The method's name. */
  readonly method: string;
  readonly permission: string;
  /** The client's word for the request; empty for none. */
  readonly requestId: string;
  /** The address that the call came from. */
  readonly source: string;
  /** The W3C trace context of the call; empty for none. */
  readonly traceparent: string;
}

/** A resource that a call is about. */
export interface AuditSubject {
  readonly type: ResourceType;
  readonly resource: AnyResource;
  /** As it was; undefined for a new one. */
  readonly previous: AnyResource | undefined;
}

/** Paths in one event. */
const pathsMax = 100;

/** What of a transaction its event is about: not what goes along, such as the operation. */
export function subjectOf(changes: readonly AuditSubject[]): AuditSubject | undefined {
  const main = changes.filter(({ type }) => type.type !== 'operation' && type.type !== 'project');
  return main[0] ?? changes.find(({ type }) => type.type === 'project') ?? changes[0];
}

/** The event of a call. `outcome` is the code of its answer. */
export function auditEventOf(
  call: {
    readonly id: string;
    readonly author: Author;
    readonly outcome: string;
    readonly subject: AuditSubject | undefined;
  },
  lookup: Pick<Lookup, 'get'>,
): AuditEvent {
  const { id, author, outcome, subject } = call;
  return create(AuditEventSchema, {
    id,
    name: `audit-${id.slice(-12)}`,
    projectId: subject === undefined ? '' : projectOf(subject.type.type, subject.resource, lookup),
    spec: { ...author, outcome, ...(subject && factsOf(subject)) },
    status: { observedGeneration: 1n, phase: AuditEventPhase.RECORDED, conditions: ready() },
  });
}

function factsOf({ type, resource, previous }: AuditSubject) {
  if (type.type === 'operation') {
    const { spec } = resource as unknown as Operation;
    return {
      resourceType: spec?.targetType ?? '',
      resourceId: spec?.targetId ?? '',
      resourceName: spec?.targetName ?? '',
    };
  }
  const changes = previous === undefined ? [] : intentChanges(type, previous, resource);
  return {
    resourceType: type.type,
    resourceId: resource.id,
    resourceName: resource.name,
    changedPaths: changes.map(({ path }) => path).slice(0, pathsMax),
  };
}

/** Whether an event tells of a call that was refused. */
export const isRefusal = ({ spec }: Pick<AuditEvent, 'spec'>): boolean => spec?.outcome !== 'ok';
