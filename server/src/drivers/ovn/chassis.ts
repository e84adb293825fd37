/**
 * A host as an OVN chassis, by its local switch database: the settings that ovn-controller reads,
 * the integration bridge, and no interface of an earlier boot left that would fight for a port.
 */
import { type BackendObject, foreignObject, ownObject } from '../../decide/backend-object.js';
import type { CachedRow, OvsdbApi, RowCache } from '../../wire/ovsdb/api.js';
import { type OpenVSwitch, openVSwitch } from '../../wire/ovsdb/open-vswitch.js';
import { byUuid, type Operation, Operations } from '../../wire/ovsdb/operations.js';
import { NamedUuid } from '../../wire/ovsdb/values.js';
import { type Datapath, detectDatapath, type HostKernel } from './datapath.js';
import { mappingErrors } from './errors.js';
import { hasPairs } from './identity.js';

/** The bridge that OVN and the guests' interfaces meet on. */
export const INTEGRATION_BRIDGE = 'br-int';

/** How libvirt names the interfaces that it makes for guests. */
const GUEST_INTERFACE = /^vnet\d+$/;

/** OVS gives this port number to an interface that it could not make. */
const FAILED_OFPORT = -1;

/** What makes a host this chassis. */
export interface ChassisSettings {
  /** The node's id: the chassis' name in OVN. */
  readonly nodeId: string;
  readonly hostname: string;
  /** OVN's southbound, such as `ssl:10.0.0.1:6642`; several are joined by commas. */
  readonly southbound: string;
  /** The address that other chassis send Geneve packets to. */
  readonly encapIp: string;
  /** Fixes the datapath; without it, the host's kernel is asked. */
  readonly datapath?: Datapath;
}

/** What a reconcile found and did. */
export interface ChassisReport {
  readonly datapath: Datapath;
  /** Names of interfaces of an earlier boot that were removed. */
  readonly purged: readonly string[];
  /** Whether anything was written. */
  readonly changed: boolean;
}

/** What a chassis is made of. */
export interface ChassisOptions {
  readonly api: OvsdbApi<OpenVSwitch>;
  readonly kernel: HostKernel;
  readonly settings: ChassisSettings;
}

const ovs = new Operations(openVSwitch);

const followed = {
  Open_vSwitch: ['external_ids', 'bridges'],
  Bridge: ['name', 'datapath_type', 'fail_mode', 'ports'],
  Port: ['name', 'interfaces'],
  Interface: ['name', 'external_ids', 'ofport', 'error'],
} as const;

type Rows = RowCache<OpenVSwitch, typeof followed>;
type BridgeRow = CachedRow<OpenVSwitch, typeof followed, 'Bridge'>;
type InterfaceRow = CachedRow<OpenVSwitch, typeof followed, 'Interface'>;

/** The host's side of OVN. */
export class Chassis {
  private rows: Promise<Rows> | undefined;
  private datapath: Datapath | undefined;

  constructor(private readonly options: ChassisOptions) {}

  /**
   * Brings the local switch to what the settings say, in one transaction. With `runningPortIds`,
   * the ports of the domains that run, it also removes every other guest interface: give them
   * at the agent's start only, before it starts guests, because one that is being started would
   * be cut off. Idempotent.
   */
  reconcile(runningPortIds?: ReadonlySet<string>): Promise<ChassisReport> {
    return mappingErrors(() => this.converge(runningPortIds));
  }

  /** The guests' interfaces in the integration bridge, with the ports that they are plugged in. */
  inventory(): Promise<readonly BackendObject[]> {
    return mappingErrors(async () => {
      const rows = await this.open();
      const bridge = bridgeOf(rows);
      return (bridge === undefined ? [] : guestInterfaces(rows, bridge)).map(({ name, row }) => {
        const named = { backend: 'openvswitch', kind: 'interface', name };
        const id = idOf(row);
        if (id === undefined) return foreignObject(named);
        return ownObject({ ...named, type: 'port', id, detail: row.error ?? '' });
      });
    });
  }

  /**
   * Takes a port's interfaces out of the bridge, unless a domain that runs has the port.
   * Idempotent.
   */
  unplug(portId: string, runningPortIds: ReadonlySet<string>): Promise<void> {
    return mappingErrors(async () => {
      const rows = await this.open();
      const bridge = bridgeOf(rows);
      if (bridge === undefined || runningPortIds.has(portId)) return;
      const stray = guestInterfaces(rows, bridge).filter(({ row }) => idOf(row) === portId);
      const operations = purgeOperations(bridge, stray);
      if (operations.length > 0) await this.options.api.transact(operations);
    });
  }

  private async converge(runningPortIds?: ReadonlySet<string>): Promise<ChassisReport> {
    const { api, kernel, settings } = this.options;
    this.datapath ??= settings.datapath ?? (await detectDatapath(kernel));
    const rows = await this.open();
    const bridge = bridgeOf(rows);
    const stale = bridge && runningPortIds ? staleInterfaces(rows, bridge, runningPortIds) : [];
    const operations = [
      ...settingsOperations(rows, wantedExternalIds(settings, this.datapath)),
      ...bridgeOperations(rows, this.datapath),
      ...purgeOperations(bridge, stale),
    ];
    if (operations.length > 0) await api.transact(operations);
    return {
      datapath: this.datapath,
      purged: stale.map(({ name }) => name),
      changed: operations.length > 0,
    };
  }

  private async open(): Promise<Rows> {
    this.rows ??= this.options.api.monitor(followed);
    try {
      return await this.rows;
    } catch (error) {
      this.rows = undefined;
      throw error;
    }
  }
}

function wantedExternalIds(
  settings: ChassisSettings,
  datapath: Datapath,
): Readonly<Record<string, string>> {
  return {
    'system-id': settings.nodeId,
    hostname: settings.hostname,
    'ovn-remote': settings.southbound,
    'ovn-encap-type': 'geneve',
    'ovn-encap-ip': settings.encapIp,
    'ovn-bridge': INTEGRATION_BRIDGE,
    'ovn-bridge-datapath-type': datapath,
  };
}

function switchOf(rows: Rows) {
  const [row] = rows.rows('Open_vSwitch');
  return row;
}

function bridgeOf(rows: Rows): BridgeRow | undefined {
  return [...rows.rows('Bridge')].find(({ name }) => name === INTEGRATION_BRIDGE);
}

/** The table holds one row at most: of two writers of the first, one is refused. */
function settingsOperations(rows: Rows, wanted: Readonly<Record<string, string>>): Operation[] {
  const row = switchOf(rows);
  if (!row) return [ovs.insert('Open_vSwitch', { external_ids: wanted })];
  if (hasPairs(row.external_ids, wanted)) return [];
  const keys = { column: 'external_ids', pairs: wanted } as const;
  return [ovs.setKeys('Open_vSwitch', byUuid(row.uuid), keys)];
}

/** Names of bridges, ports and interfaces are unique: of two writers, one is refused. */
function bridgeOperations(rows: Rows, datapath: Datapath): Operation[] {
  const bridge = bridgeOf(rows);
  const wanted = { datapath_type: datapath, fail_mode: 'secure' } as const;
  if (bridge) {
    const fits = bridge.datapath_type === datapath && bridge.fail_mode === wanted.fail_mode;
    return fits ? [] : [ovs.update('Bridge', byUuid(bridge.uuid), wanted)];
  }
  const name = INTEGRATION_BRIDGE;
  const [bridgeRow, port, device] = ['bridge', 'port', 'interface'].map(
    (part) => new NamedUuid(`integration_${part}`),
  ) as [NamedUuid, NamedUuid, NamedUuid];
  return [
    ovs.insert('Interface', { name, type: 'internal' }, { name: device }),
    ovs.insert('Port', { name, interfaces: [device] }, { name: port }),
    ovs.insert('Bridge', { name, ports: [port], ...wanted }, { name: bridgeRow }),
    ovs.mutate('Open_vSwitch', [], [['bridges', 'insert', [bridgeRow]]]),
  ];
}

interface GuestInterface {
  readonly name: string;
  readonly portUuid: string;
  readonly row: InterfaceRow;
}

/** Interfaces of no running domain, and those that failed while another holds their port. */
function staleInterfaces(
  rows: Rows,
  bridge: BridgeRow,
  runningPortIds: ReadonlySet<string>,
): readonly GuestInterface[] {
  const guests = guestInterfaces(rows, bridge);
  const alive = new Set(guests.filter(({ row }) => !hasFailed(row)).map(({ row }) => idOf(row)));
  return guests.filter(({ row }) => {
    const id = idOf(row);
    return id === undefined || !runningPortIds.has(id) || (hasFailed(row) && alive.has(id));
  });
}

function guestInterfaces(rows: Rows, bridge: BridgeRow): readonly GuestInterface[] {
  return bridge.ports.flatMap((portUuid) => {
    const port = rows.get('Port', portUuid);
    const [interfaceUuid = ''] = port?.interfaces ?? [];
    const row = rows.get('Interface', interfaceUuid);
    if (!port || !row || !GUEST_INTERFACE.test(port.name)) return [];
    return [{ name: port.name, portUuid, row }];
  });
}

function idOf({ external_ids }: InterfaceRow): string | undefined {
  return external_ids['iface-id'];
}

function hasFailed({ error, ofport }: InterfaceRow): boolean {
  return error !== null || ofport === FAILED_OFPORT;
}

function purgeOperations(
  bridge: BridgeRow | undefined,
  stale: readonly GuestInterface[],
): Operation[] {
  if (!bridge || stale.length === 0) return [];
  const uuids = stale.map(({ portUuid }) => portUuid);
  return [ovs.mutate('Bridge', byUuid(bridge.uuid), [['ports', 'delete', uuids]])];
}
