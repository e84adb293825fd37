/**
 * The driver of types that need no backend: what is stored is all there is of them. Also how a
 * resource is refused that a backend would have to carry out and can't.
 */
import { create, type Message } from '@bufbuild/protobuf';
import {
  type Difference,
  type Driver,
  judgesAtOnce,
  type Lookup,
  type Removal,
} from '../../reconcile/driver.js';
import { failed, ready } from '../../resource/ready.js';
import type { AnyResource, AnyStatus } from '../../resource/resource.js';
import type { ResourceType } from '../../resource/type-registry.js';
import type { Support } from '../../resource/unsupported.js';

/** Serves a type from its record alone. */
export function objectDriver(type: ResourceType): Driver {
  const readyPhase = phaseOf(type, 1);
  return {
    type: type.type,
    runsOn: 'control-plane',
    observe: async () => undefined,
    diff: (resource) => ({
      actions: [],
      status: statusOf(type, resource, { phase: readyPhase, conditions: ready() }),
    }),
    apply: async () => undefined,
    remove: async () => ({ gone: true }),
  };
}

/**
 * A driver that is asked only for what a backend can do. Anything else is refused with a condition
 * that names it, and nothing is done for it.
 */
export function supportedDriver(type: ResourceType, own: Driver, support: Support): Driver {
  const object = objectDriver(type);
  const driverOf = (resource: AnyResource): Driver =>
    support.isObject(type, resource) ? object : own;
  const failedPhase = failedPhaseOf(type);
  const refusal = (resource: AnyResource): Message | undefined => {
    const refused = support.refusal(type, resource);
    if (refused === undefined) return undefined;
    const conditions = failed('NotSupported', refused.message);
    return statusOf(type, resource, { phase: failedPhase, conditions });
  };
  const { triggers } = own as { triggers?: unknown };
  return {
    type: own.type,
    runsOn: own.runsOn,
    observe: async (resource: AnyResource, lookup: Lookup) =>
      refusal(resource) === undefined ? driverOf(resource).observe(resource, lookup) : undefined,
    diff(resource: AnyResource, observed: unknown, lookup: Lookup): Difference<unknown, Message> {
      const status = refusal(resource);
      if (status !== undefined) return { actions: [], status };
      return driverOf(resource).diff(resource, observed, lookup);
    },
    apply: (resource: AnyResource, action: unknown, lookup: Lookup) =>
      own.apply(resource, action, lookup),
    remove: (resource: AnyResource, lookup: Lookup): Promise<Removal> =>
      own.remove(resource, lookup),
    ...(typeof triggers === 'function' && { triggers: triggers.bind(own) }),
    ...(judgesAtOnce(own) && {
      judge: (resource: AnyResource, lookup: Lookup) =>
        refusal(resource) === undefined && driverOf(resource) === own
          ? own.judge(resource, lookup)
          : undefined,
    }),
  } as Driver;
}

function statusOf(
  type: ResourceType,
  resource: AnyResource,
  fields: Pick<AnyStatus, 'phase' | 'conditions'>,
): AnyStatus {
  const base = create(type.status) as AnyStatus;
  return Object.assign(base, resource.status, {
    observedGeneration: resource.generation,
    ...fields,
  });
}

/** The phase that stands for "ready": READY, or the first after PENDING. */
function phaseOf(type: ResourceType, afterPending: number): number {
  const values = phasesOf(type);
  const named = values.find(({ name }) => name.endsWith('_READY'));
  const pending = values.findIndex(({ name }) => name.endsWith('_PENDING'));
  return (named ?? values[pending + afterPending])?.number ?? 0;
}

const failedPhaseOf = (type: ResourceType): number =>
  phasesOf(type).find(({ name }) => name.endsWith('_FAILED'))?.number ?? 0;

const phasesOf = ({ status }: ResourceType) => status.field['phase']?.enum?.values ?? [];
