/**
 * Which trace the work on a resource belongs to: the one of the call that last changed its intent,
 * or, where the control plane changed it by itself, the one of the call that this follows from. The
 * call's audit event, which is of the same commit, has its trace context; so the knowledge is in
 * the store, and the server that leads has it whichever server took the call. Reads the view's
 * changes; knows nothing of spans.
 */

import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { VmFleetSpec } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { AuditEvent } from '@limiquantix/proto/identity/v1/audit_event_pb.js';
import type { Clock } from '../reconcile/clock.js';
import type { Lookup, ViewChange } from '../resource/lookup.js';
import type { AnyResource } from '../resource/resource.js';

/** Changes that are remembered; of more, the oldest are forgotten. */
export const causesMax = 10_000;
/** What is done for a resource later than this after its change belongs to no trace. */
export const causeLastsMs = 15 * 60_000;

interface Cause {
  readonly traceparent: string;
  readonly untilMs: number;
}

/** The traces of the newest changes. */
export class Causes {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #lookup: Pick<Lookup, 'get'>;
  /** By the revision of the change's commit. */
  readonly #causes = new Map<string, Cause>();

  constructor(clock: Pick<Clock, 'nowMs'>, lookup: Pick<Lookup, 'get'>) {
    this.#clock = clock;
    this.#lookup = lookup;
  }

  /** Follows the view. */
  changed({ key, resource }: ViewChange): void {
    if (key.type !== 'audit_event' || resource === undefined) return;
    const { spec, createdAt, revision } = resource as unknown as AuditEvent;
    if (spec === undefined || spec.traceparent === '' || createdAt === undefined) return;
    const untilMs = timestampMs(createdAt) + causeLastsMs;
    if (untilMs <= this.#clock.nowMs()) return;
    this.#causes.set(String(revision), { traceparent: spec.traceparent, untilMs });
    const [oldest] = this.#causes.keys();
    if (this.#causes.size > causesMax && oldest !== undefined) this.#causes.delete(oldest);
  }

  /**
   * The trace context of what last changed a resource; empty where that had none, or is long ago.
   */
  readonly causeOf = (resource: AnyResource): string =>
    this.#causeOf(resource, resource.etag, ownersMax);

  /** Of what changed a resource, or what it follows, before a change of the given etag. */
  #causeOf(resource: AnyResource, etag: string, ownersLeft: number): string {
    const template = this.#templateOf(resource);
    const isNewer = template !== undefined && isAfter(template.etag, resource.etag);
    const isOwn = resource.etag === etag;
    // A fleet follows its template; a machine of it follows both, up to its own last change.
    const first = isNewer && (isOwn || isAfter(etag, template.etag)) ? template.etag : '';
    const cause = this.#causeAt(first) || this.#causeAt(resource.etag);
    if (cause !== '' || ownersLeft === 0) return cause;
    const { owner } = resource;
    const holder = owner && this.#lookup.get(owner.type, owner.id);
    // What its owner became later is not what changed it.
    if (holder === undefined || !isAfter(etag, holder.etag)) return '';
    return this.#causeOf(holder, etag, ownersLeft - 1);
  }

  #templateOf({ spec }: AnyResource): AnyResource | undefined {
    const { template } = (spec ?? {}) as Partial<VmFleetSpec>;
    if (template?.case !== 'templateId') return undefined;
    return this.#lookup.get('vm_template', template.value);
  }

  #causeAt(etag: string): string {
    // A resource's etag is the revision of the last change of its intent.
    const cause = this.#causes.get(etag);
    if (cause === undefined) return '';
    if (this.#clock.nowMs() < cause.untilMs) return cause.traceparent;
    this.#causes.delete(etag);
    return '';
  }
}

/** A port belongs to a machine, and that to a fleet. */
const ownersMax = 2;

/** Whether one etag is of a later commit than another, or of the same. */
function isAfter(etag: string, other: string): boolean {
  // Decimal numbers without zeros before them.
  return etag.length === other.length ? etag >= other : etag.length > other.length;
}
