/**
 * Which trace the work on a resource belongs to: the one of the call that last changed its intent.
 * The call's audit event, which is of the same commit, has its trace context; so the knowledge is
 * in the store, and the server that leads has it whichever server took the call. Reads the view's
 * changes; knows nothing of spans.
 */

import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { AuditEvent } from '@limiquantix/proto/identity/v1/audit_event_pb.js';
import type { Clock } from '../reconcile/clock.js';
import type { ViewChange } from '../resource/lookup.js';
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
  /** By the revision of the change's commit. */
  readonly #causes = new Map<string, Cause>();

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
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

  /** The trace context of a resource's last change; empty where it had none, or long ago. */
  readonly causeOf = ({ etag }: Pick<AnyResource, 'etag'>): string => {
    // A resource's etag is the revision of the last change of its intent.
    const cause = this.#causes.get(etag);
    if (cause === undefined) return '';
    if (this.#clock.nowMs() < cause.untilMs) return cause.traceparent;
    this.#causes.delete(etag);
    return '';
  };
}
