/**
 * Where the control plane's loop reports to: what its drivers found goes into the resources'
 * status, next to what the nodes observed; a failure becomes the condition Ready; of a resource
 * that is removed, the record goes. Agents have another receiver, for their findings go over the
 * stream.
 */
import { clone, create, equals } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { Observer } from '@limiquantix/proto/resource/v1/options_pb.js';
import { ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import { setCondition } from '../resource/conditions.js';
import { LimiError } from '../resource/error.js';
import { behaviorOf, readField, writeField } from '../resource/field-access.js';
import { readyCondition } from '../resource/ready.js';
import type { AnyResource, AnyStatus, ResourceKey } from '../resource/resource.js';
import type { ResourceType, TypeRegistry } from '../resource/type-registry.js';
import type { Clock } from './clock.js';
import { type Driver, judgesAtOnce, type Lookup, type Poke } from './driver.js';
import type { FailureLog } from './failure-log.js';
import type { Finding } from './loop.js';

/** Writes to the store; each write is based on the newest version of the resource. */
export interface Writer {
  /**
   * Writes what `mutate` makes of the resource as it is; nothing for undefined or an equal status.
   */
  writeStatus(
    key: ResourceKey,
    mutate: (current: AnyResource) => AnyStatus | undefined,
  ): Promise<boolean>;
  /** Removes the record of a resource of which nothing is left, unless something still holds it. */
  finalize(key: ResourceKey): Promise<'gone' | 'kept' | 'in-use'>;
}

/** What a receiver works with. */
export interface ReportOptions {
  readonly types: TypeRegistry;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly poke: Poke;
  readonly failures: Pick<FailureLog, 'recovered'>;
}

/** A record that something still holds is tried again after this long. */
const finalizeAgainMs = 500;

/** Makes the receiver of a loop's findings. */
export function createReport(options: ReportOptions): (finding: Finding) => Promise<void> {
  const { types, writer, clock, poke, failures } = options;
  return async (finding) => {
    const type = types.findByMessage(finding.resource.$typeName);
    if (type === undefined) return;
    const key = { type: type.type, id: finding.resource.id };
    if (finding.kind !== 'error') failures.recovered(key);
    if (finding.kind === 'removed') {
      const came = await writer.finalize(key);
      if (came === 'in-use') clock.after(finalizeAgainMs, () => poke(key));
      return;
    }
    await writer.writeStatus(key, (current) => {
      // What was found for an older spec says nothing of the newer one, which is in the queue
      // already.
      if (current.generation !== finding.resource.generation) return undefined;
      const nowMs = clock.nowMs();
      if (finding.kind === 'error') return withFailure(type, current, finding.error, nowMs);
      const decided = finding.status as AnyStatus;
      return mergeDecided(type, { current: current.status, decided, nowMs });
    });
  };
}

/** Judges a resource that a node has just observed; gives its status, the given one for no more. */
export type Judge = (key: ResourceKey, resource: AnyResource) => AnyStatus | undefined;

/** Makes the judge over drivers: what the loop would report after the observation, in one go. */
export function createJudge(options: {
  readonly types: TypeRegistry;
  readonly drivers: readonly Driver[];
  readonly lookup: Lookup;
}): Judge {
  const { types, lookup } = options;
  const drivers = new Map(options.drivers.filter(judgesAtOnce).map((one) => [one.type, one]));
  return (key, resource) => {
    const current = resource.status;
    if (resource.deletionRequestedAt !== undefined) return current;
    const decided = drivers.get(key.type)?.judge(resource, lookup) as AnyStatus | undefined;
    if (decided === undefined) return current;
    return mergeDecided(types.get(key.type), { current, decided, nowMs: lookup.nowMs() });
  };
}

/** What a driver of the control plane decided, and what it is merged into. */
export interface DecidedStatus {
  readonly current: AnyStatus | undefined;
  readonly decided: AnyStatus;
  readonly nowMs: number;
}

/**
 * The status with what the control plane decided; what nodes observe stays as it is in `current`.
 * Returns `current` itself where nothing changed. Pure.
 */
export function mergeDecided(type: ResourceType, input: DecidedStatus): AnyStatus {
  const { current, decided, nowMs } = input;
  const base = current ?? (create(type.status) as AnyStatus);
  const next = clone(type.status, decided) as AnyStatus;
  for (const field of type.status.fields) {
    const { observer } = behaviorOf(field);
    if (observer !== Observer.NODE && observer !== Observer.EACH_NODE) continue;
    writeField(next, field, readField(base, field));
  }
  next.conditions = decided.conditions.flatMap((condition) => {
    const before = base.conditions.filter(({ type: name }) => name === condition.type);
    return setCondition(before, condition, nowMs);
  });
  return current !== undefined && equals(type.status, current, next) ? current : next;
}

function withFailure(
  type: ResourceType,
  current: AnyResource,
  error: unknown,
  nowMs: number,
): AnyStatus {
  const base = current.status ?? (create(type.status) as AnyStatus);
  const next = clone(type.status, base) as AnyStatus;
  next.observedGeneration = current.generation;
  next.conditions = setCondition(next.conditions, failureOf(error), nowMs);
  return next;
}

function failureOf(error: unknown) {
  if (!(error instanceof LimiError)) {
    const message = "an unexpected failure; the server's log has the details";
    return readyCondition(ConditionStatus.FALSE, 'Internal', message);
  }
  const inVain =
    !error.retryable &&
    (error.code === Code.FailedPrecondition || error.code === Code.InvalidArgument);
  const status = inVain ? ConditionStatus.FAILED : ConditionStatus.FALSE;
  return readyCondition(status, upperCamel(error.reason), error.message);
}

/** `OVSDB_UNAVAILABLE` → `OvsdbUnavailable`. */
function upperCamel(reason: string): string {
  return reason
    .toLowerCase()
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}
