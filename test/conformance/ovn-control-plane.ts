/** A control plane of drivers alone: what the reconcile loop does with them, without its timing. */
import { NetworkDriver } from '../../server/src/drivers/ovn/network.js';
import { NorthboundView } from '../../server/src/drivers/ovn/northbound-rows.js';
import { PortDriver } from '../../server/src/drivers/ovn/port.js';
import type { Driver, Lookup } from '../../server/src/reconcile/driver.js';
import type { AnyResource, ResourceKey } from '../../server/src/resource/resource.js';
import { disconnected } from '../../server/src/wire/ovsdb/errors.js';
import { FaultyApi, type OvnBackend } from './ovn-backends.js';

const PASSES_MAX = 16;

/** The resources that a driver can look up. */
export class World implements Lookup {
  readonly resources = new Map<string, AnyResource>();

  add<R extends AnyResource>(type: string, resource: R): R {
    this.resources.set(`${type}/${resource.id}`, resource);
    return resource;
  }
  get<R extends AnyResource>(type: string, id: string): R | undefined {
    return this.resources.get(`${type}/${id}`) as R | undefined;
  }
  referrers<R extends AnyResource>(): readonly R[] {
    return [];
  }
  list<R extends AnyResource>(type: string): readonly R[] {
    const entries = [...this.resources].filter(([key]) => key.startsWith(`${type}/`));
    return entries.map(([, resource]) => resource as R);
  }
  timeMs = 0;
  nowMs(): number {
    return this.timeMs;
  }
}

/** One control plane's drivers. */
export function controlPlane(backend: OvnBackend, world: World) {
  const api = new FaultyApi(backend.connect(), disconnected);
  const poked: ResourceKey[] = [];
  const view = new NorthboundView(api, (key) => poked.push(key));
  const network = new NetworkDriver(view);
  const port = new PortDriver(view);
  /** The passes of the loop, to the end. Returns the status and puts it on the resource. */
  const converge = async <R extends AnyResource>(driver: object, resource: R): Promise<number> => {
    const { observe, diff, apply } = bound(driver as Driver<R>);
    for (let pass = 0; pass < PASSES_MAX; pass += 1) {
      const found = diff(resource, await observe(resource, world), world);
      resource.status = found.status as NonNullable<AnyResource['status']>;
      if (found.actions.length === 0) return pass;
      for (const action of found.actions) await apply(resource, action, world);
    }
    throw new Error('the driver does not come to an end');
  };
  return { api, poked, view, network, port, converge };
}

function bound<R extends AnyResource>(driver: Driver<R>) {
  return {
    observe: driver.observe.bind(driver),
    diff: driver.diff.bind(driver),
    apply: driver.apply.bind(driver),
  };
}
