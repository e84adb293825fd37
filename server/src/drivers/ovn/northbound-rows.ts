/**
 * The control plane's view of OVN's northbound: cached rows with lookups by our ids, one batched
 * writer, and a poke for the resource behind each row that changes. Drivers share one of it.
 */
import { type BackendObject, foreignObject, ownObject } from '../../decide/backend-object.js';
import type { Poke } from '../../reconcile/driver.js';
import type { CachedRow, OvsdbApi, RowCache, RowIndex } from '../../wire/ovsdb/api.js';
import { disconnected } from '../../wire/ovsdb/errors.js';
import type { Northbound } from '../../wire/ovsdb/northbound.js';
import { northbound } from '../../wire/ovsdb/northbound.js';
import { type Operation, Operations } from '../../wire/ovsdb/operations.js';
import { Batch } from './batch.js';
import { mappingErrors } from './errors.js';
import { type ExternalIds, ID_KEY, NAME_KEY, ownerOf } from './identity.js';

/** Builds operations for the northbound. */
export const nb = new Operations(northbound);

/** The switch's ports are not followed: ten thousand of them change with every one. */
const followed = {
  Logical_Switch: ['name', 'external_ids'],
  DHCP_Options: ['cidr', 'options', 'external_ids'],
  Logical_Switch_Port: [
    'name',
    'addresses',
    'port_security',
    'up',
    'enabled',
    'dhcpv4_options',
    'external_ids',
  ],
} as const;

type Followed = typeof followed;

/** A logical switch as it is. */
export type SwitchRow = CachedRow<Northbound, Followed, 'Logical_Switch'>;
/** DHCP options as they are. */
export type DhcpRow = CachedRow<Northbound, Followed, 'DHCP_Options'>;
/** A logical switch port as it is. */
export type PortRow = CachedRow<Northbound, Followed, 'Logical_Switch_Port'>;

/** The rows, by the id of the resource that they belong to. */
export interface NorthboundRows {
  readonly switchesById: RowIndex<SwitchRow>;
  readonly dhcpById: RowIndex<DhcpRow>;
  readonly portsById: RowIndex<PortRow>;
  readonly portsByName: RowIndex<PortRow>;
  /** The rows of some tables, ours or not. */
  objects(tables: readonly (keyof Followed)[]): readonly BackendObject[];
}

/** OVN's northbound as drivers use it. */
export class NorthboundView {
  private readonly batch: Batch<Northbound>;
  private opening: Promise<NorthboundRows> | undefined;

  constructor(
    private readonly api: OvsdbApi<Northbound>,
    private readonly poke: Poke,
  ) {
    this.batch = new Batch(api);
  }

  /** The rows as the server has them now; throws while it can't be reached. */
  rows(): Promise<NorthboundRows> {
    return mappingErrors(async () => {
      const rows = await this.opened();
      if (!this.api.connected) throw disconnected();
      return rows;
    });
  }

  /** Runs operations, all or none, together with those of other callers. */
  async write(operations: readonly Operation[]): Promise<void> {
    await mappingErrors(() => this.batch.transact(operations));
  }

  private async opened(): Promise<NorthboundRows> {
    this.opening ??= this.open();
    try {
      return await this.opening;
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
  }

  private async open(): Promise<NorthboundRows> {
    const cache = await this.api.monitor(followed);
    cache.onChange((changes) => {
      for (const { before, after } of changes) {
        const key = ownerOf(after?.external_ids ?? {}) ?? ownerOf(before?.external_ids ?? {});
        if (key) this.poke(key);
      }
    });
    return index(cache);
  }
}

function index(cache: RowCache<Northbound, Followed>): NorthboundRows {
  const id = (row: { readonly external_ids: ExternalIds }) => row.external_ids[ID_KEY];
  return {
    switchesById: cache.indexBy('Logical_Switch', id),
    dhcpById: cache.indexBy('DHCP_Options', id),
    portsById: cache.indexBy('Logical_Switch_Port', id),
    portsByName: cache.indexBy('Logical_Switch_Port', ({ name }) => name),
    objects: (tables) =>
      tables.flatMap((table) => [...cache.rows(table)].map((row) => objectOf(table, row))),
  };
}

function objectOf(
  table: string,
  row: { readonly uuid: string; readonly name?: string; readonly external_ids: ExternalIds },
): BackendObject {
  const name = row.name === undefined || row.name === '' ? row.uuid : row.name;
  const named = { backend: 'ovn', kind: table, name };
  const owner = ownerOf(row.external_ids);
  if (owner === undefined) return foreignObject(named);
  return ownObject({ ...named, ...owner, resourceName: row.external_ids[NAME_KEY] ?? '' });
}

/** Splits rows of one resource into the one to keep and those that are one too many. */
export function pickRow<Row extends { readonly uuid: string }>(
  rows: readonly Row[],
  preferredUuid: string,
): { readonly row: Row | undefined; readonly extra: readonly Row[] } {
  const [first, ...rest] = [...rows].sort((a, b) => rank(a) - rank(b) || order(a.uuid, b.uuid));
  return { row: first, extra: rest };

  function rank({ uuid }: Row): number {
    return uuid === preferredUuid ? 0 : 1;
  }
}

function order(a: string, b: string): number {
  return a < b ? -1 : 1;
}
