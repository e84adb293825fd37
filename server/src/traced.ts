/** Backends whose calls are recorded as parts of the work under way: by name, never by argument. */
import type { Facts, Tracing } from './tracing.js';
import type { DiskImages } from './wire/disk-image/api.js';
import type { LibvirtApi } from './wire/libvirt/api.js';
import type { OvsdbApi } from './wire/ovsdb/api.js';
import type { DatabaseSchema } from './wire/ovsdb/schema.js';

/** Calls of a libvirt daemon; the same object where nothing is recorded. */
export function tracedLibvirt(tracing: Tracing, api: LibvirtApi): LibvirtApi {
  const untraced = new Set(['onEvent', 'onClosed', 'close']);
  return traced(tracing, api, { system: 'libvirt', isTraced: (name) => !untraced.has(name) });
}

/** Transactions of an OVSDB database; the same object where nothing is recorded. */
export function tracedOvsdb<D extends DatabaseSchema>(
  tracing: Tracing,
  api: OvsdbApi<D>,
): OvsdbApi<D> {
  const facts = ([operations]: readonly unknown[]): Facts => ({
    'db.system': 'ovsdb',
    'limiquantix.ovsdb.operations': Array.isArray(operations) ? operations.length : 0,
  });
  return traced(tracing, api, { system: 'ovsdb', isTraced: (name) => name === 'transact', facts });
}

/** What is done to disk files; the same object where nothing is recorded. */
export function tracedDisks(tracing: Tracing, disks: DiskImages): DiskImages {
  const verbs = new Set(['info', 'create', 'clone', 'resize', 'receive', 'remove']);
  return traced(tracing, disks, { system: 'disk', isTraced: (name) => verbs.has(name) });
}

interface Traced {
  /** The first word of the spans' names. */
  readonly system: string;
  readonly isTraced: (method: string) => boolean;
  readonly facts?: (args: readonly unknown[]) => Facts;
}

type Method = (...args: unknown[]) => unknown;

function traced<T extends object>(tracing: Tracing, target: T, options: Traced): T {
  if (!tracing.isOn) return target;
  const { system, isTraced, facts = () => ({}) } = options;
  const methods = new Map<PropertyKey, Method>();
  const methodOf = (name: PropertyKey, method: Method): Method => {
    const bound = method.bind(target);
    if (typeof name !== 'string' || !isTraced(name)) return bound;
    return (...args) => {
      const work = { name: `${system} ${name}`, kind: 'client', facts: facts(args) } as const;
      return tracing.within(work, async () => bound(...args));
    };
  };
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const method = methods.get(name) ?? methodOf(name, value as Method);
      methods.set(name, method);
      return method;
    },
  });
}
