/**
 * Stands in for ovn-northd and the chassis' controllers on a fake northbound: a port is up while
 * an interface with its name is plugged on some chassis, whichever of the two came first, and
 * sb_cfg and hv_cfg follow nb_cfg. Delays run on injected timers.
 */
import type { OvsdbApi, RowCache, Timers } from './api.js';
import type { Northbound } from './northbound.js';
import { northbound } from './northbound.js';
import { byUuid, Operations } from './operations.js';

/** Between a plug and `up`: what one port took on a lab host. */
export const PORT_UP_DELAY_MS = 15;

/** How long a pass that failed waits before it is tried again. */
const RETRY_DELAY_MS = 50;

const nb = new Operations(northbound);

const followed = {
  NB_Global: ['nb_cfg', 'sb_cfg', 'hv_cfg'],
  Logical_Switch_Port: ['name', 'up', 'type'],
} as const;

/** What the fake is made of. */
export interface FakeNorthdOptions {
  /** A client of its own on the fake northbound; closed with `stop`. */
  readonly client: OvsdbApi<Northbound>;
  readonly timers: Timers;
  readonly portUpDelayMs?: number;
}

/** The fake; make it with {@link startFakeNorthd}. */
export class FakeNorthd {
  private readonly chassisOf = new Map<string, string>();
  private readonly dirty = new Set<string>();
  private cancelPass: (() => void) | undefined;
  private running = false;
  private stopped = false;

  constructor(
    private readonly options: FakeNorthdOptions,
    private readonly cache: RowCache<Northbound, typeof followed>,
  ) {
    cache.onChange((changes) => {
      for (const { table, uuid, after } of changes) {
        if (after && (table === 'NB_Global' || 'name' in after)) this.touch(uuid);
      }
    });
    for (const { uuid } of cache.rows('Logical_Switch_Port')) this.touch(uuid);
    this.ports = cache.indexBy('Logical_Switch_Port', ({ name }) => name);
  }

  private readonly ports;

  /** An interface with this `iface-id` appears on a chassis, which takes the port over. */
  plug(ifaceId: string, chassis: string): void {
    this.chassisOf.set(ifaceId, chassis);
    for (const { uuid } of this.ports.get(ifaceId)) this.touch(uuid);
  }

  /** The interface goes; nothing happens when the chassis does not have the port. */
  unplug(ifaceId: string, chassis: string): void {
    if (this.chassisOf.get(ifaceId) !== chassis) return;
    this.chassisOf.delete(ifaceId);
    for (const { uuid } of this.ports.get(ifaceId)) this.touch(uuid);
  }

  /** Every interface of a chassis goes, as in a crash seen from the other side. */
  unplugAll(chassis: string): void {
    for (const [ifaceId, owner] of [...this.chassisOf]) {
      if (owner === chassis) this.unplug(ifaceId, chassis);
    }
  }

  /** The chassis that has a port, if any. */
  chassis(ifaceId: string): string | undefined {
    return this.chassisOf.get(ifaceId);
  }

  /** Ends it and its client. */
  stop(): void {
    this.stopped = true;
    this.cancelPass?.();
    this.options.client.close();
  }

  private touch(uuid: string): void {
    this.dirty.add(uuid);
    this.schedule(this.options.portUpDelayMs ?? PORT_UP_DELAY_MS);
  }

  private schedule(delayMs: number): void {
    if (this.cancelPass || this.running || this.stopped || this.dirty.size === 0) return;
    this.cancelPass = this.options.timers.after(delayMs, () => {
      this.cancelPass = undefined;
      void this.pass();
    });
  }

  /** One pass: everything that changed since the last, in one transaction, as northd does. */
  private async pass(): Promise<void> {
    this.running = true;
    const uuids = [...this.dirty];
    this.dirty.clear();
    const operations = uuids.flatMap((uuid) => this.operationsFor(uuid));
    let failed = false;
    if (operations.length > 0) {
      await this.options.client.transact(operations).catch(() => {
        failed = true;
        for (const uuid of uuids) this.dirty.add(uuid);
      });
    }
    this.running = false;
    this.schedule(failed ? RETRY_DELAY_MS : (this.options.portUpDelayMs ?? PORT_UP_DELAY_MS));
  }

  private operationsFor(uuid: string) {
    const port = this.cache.get('Logical_Switch_Port', uuid);
    if (port) {
      const up = this.chassisOf.has(port.name);
      if (port.up === up || port.type !== '') return [];
      return [nb.update('Logical_Switch_Port', byUuid(uuid), { up })];
    }
    const global = this.cache.get('NB_Global', uuid);
    if (!global || global.hv_cfg === global.nb_cfg) return [];
    const { nb_cfg } = global;
    return [nb.update('NB_Global', byUuid(uuid), { sb_cfg: nb_cfg, hv_cfg: nb_cfg })];
  }
}

/** Starts the fake; makes the NB_Global row where there is none, as northd does. */
export async function startFakeNorthd(options: FakeNorthdOptions): Promise<FakeNorthd> {
  const cache = await options.client.monitor(followed);
  if ([...cache.rows('NB_Global')].length === 0) {
    await options.client.transact([
      nb.wait('NB_Global', { where: [], columns: ['_uuid'], until: '==', rows: [] }),
      nb.insert('NB_Global', {}),
    ]);
  }
  return new FakeNorthd(options, cache);
}
