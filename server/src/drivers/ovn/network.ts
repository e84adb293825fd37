/**
 * The control plane's driver for networks: a logical switch with DHCP options in OVN's
 * northbound. The switch has no subnet of its own in OVN, because IPAM decides the addresses.
 */
import {
  NetworkPhase as Phase,
  type VirtualNetwork,
  type VirtualNetworkStatus,
  VirtualNetworkStatusSchema,
} from '@limiquantix/proto/network/v1/network_pb.js';
import type { BackendObject } from '../../decide/backend-object.js';
import type {
  Difference,
  Driver,
  Lookup,
  Removal,
  SupportsInventory,
  SupportsStrayRemoval,
} from '../../reconcile/driver.js';
import { LimiError } from '../../resource/error.js';
import { patched } from '../../resource/patched.js';
import { notReady, ready } from '../../resource/ready.js';
import { byUuid, type Operation } from '../../wire/ovsdb/operations.js';
import { equalValues } from '../../wire/ovsdb/values.js';
import { dhcpUuid, wantedDhcp } from './dhcp.js';
import { externalIdsOf, hasPairs, ID_KEY } from './identity.js';
import {
  type DhcpRow,
  type NorthboundRows,
  type NorthboundView,
  nb,
  pickRow,
  type SwitchRow,
} from './northbound-rows.js';

const type = 'network';

/** What a network has in OVN. */
export interface ObservedNetwork {
  readonly switches: readonly SwitchRow[];
  readonly dhcp: readonly DhcpRow[];
}

/** One transaction. */
export interface OvnAction {
  /** What it does, for the log. */
  readonly what: string;
  readonly operations: readonly Operation[];
}

/** The driver for `network`. */
export class NetworkDriver
  implements
    Driver<VirtualNetwork, ObservedNetwork, OvnAction, VirtualNetworkStatus>,
    SupportsInventory,
    SupportsStrayRemoval
{
  readonly type = type;
  readonly runsOn = 'control-plane';

  constructor(private readonly northbound: NorthboundView) {}

  async observe({ id }: VirtualNetwork): Promise<ObservedNetwork> {
    return observed(await this.northbound.rows(), id);
  }

  diff(
    network: VirtualNetwork,
    { switches, dhcp }: ObservedNetwork,
    _: Lookup,
  ): Difference<OvnAction, VirtualNetworkStatus> {
    const operations = [...switchOperations(network, switches), ...dhcpOperations(network, dhcp)];
    const done = operations.length === 0;
    const status = patched(VirtualNetworkStatusSchema, network.status, {
      observedGeneration: network.generation,
      phase: done ? Phase.READY : Phase.PENDING,
      conditions: done ? ready() : notReady('Programming', 'OVN is being told of it'),
      logicalSwitch: network.id,
    });
    const actions = done ? [] : [{ what: 'write the logical switch and its DHCP', operations }];
    return { actions, status };
  }

  async apply(_: VirtualNetwork, { operations }: OvnAction): Promise<void> {
    await this.northbound.write(operations);
  }

  async remove(network: VirtualNetwork): Promise<Removal> {
    if (await this.removeRows(network.id)) return { gone: true };
    const status = patched(VirtualNetworkStatusSchema, network.status, { phase: Phase.DELETING });
    return { gone: false, waitingFor: 'the ports on its logical switch to go', status };
  }

  async removeStray(id: string): Promise<void> {
    await this.removeRows(id);
  }

  async inventory(): Promise<readonly BackendObject[]> {
    return (await this.northbound.rows()).objects(['Logical_Switch', 'DHCP_Options']);
  }

  /** False when a switch still has ports: deleting it would take them along. */
  private async removeRows(id: string): Promise<boolean> {
    const { switches, dhcp } = observed(await this.northbound.rows(), id);
    const operations = [
      ...switches.flatMap(({ uuid }) => [
        nb.wait('Logical_Switch', {
          where: byUuid(uuid),
          columns: ['ports'],
          until: '==',
          rows: [{ ports: [] }],
        }),
        nb.delete('Logical_Switch', byUuid(uuid)),
      ]),
      ...dhcp.map(({ uuid }) => nb.delete('DHCP_Options', byUuid(uuid))),
    ];
    if (operations.length === 0) return true;
    try {
      await this.northbound.write(operations);
      return true;
    } catch (error) {
      if (error instanceof LimiError && error.reason === 'OVSDB_WAIT_FAILED') return false;
      throw error;
    }
  }
}

function observed({ switchesById, dhcpById }: NorthboundRows, id: string): ObservedNetwork {
  return { switches: switchesById.get(id), dhcp: dhcpById.get(id) };
}

function switchOperations(network: VirtualNetwork, rows: readonly SwitchRow[]): Operation[] {
  const { id } = network;
  const externalIds = externalIdsOf(type, network);
  const { row, extra } = pickRow(rows, id);
  const operations = extra.map(({ uuid }) => nb.delete('Logical_Switch', byUuid(uuid)));
  if (!row) {
    return [
      nb.mustBeAbsent('Logical_Switch', [['external_ids', 'includes', { [ID_KEY]: id }]]),
      nb.insert('Logical_Switch', { name: id, external_ids: externalIds }, { uuid: id }),
    ];
  }
  if (row.name !== id) {
    operations.push(nb.update('Logical_Switch', byUuid(row.uuid), { name: id }));
  }
  if (!hasPairs(row.external_ids, externalIds)) {
    const keys = { column: 'external_ids', pairs: externalIds } as const;
    operations.push(nb.setKeys('Logical_Switch', byUuid(row.uuid), keys));
  }
  return operations;
}

function dhcpOperations(network: VirtualNetwork, rows: readonly DhcpRow[]): Operation[] {
  const { id } = network;
  const externalIds = externalIdsOf(type, network);
  const wanted = wantedDhcp(network);
  const { row, extra } = pickRow(rows, dhcpUuid(id));
  const unwanted = wanted || !row ? extra : rows;
  const operations = unwanted.map(({ uuid }) => nb.delete('DHCP_Options', byUuid(uuid)));
  if (!wanted) return operations;
  if (!row) {
    return [
      nb.mustBeAbsent('DHCP_Options', [['external_ids', 'includes', { [ID_KEY]: id }]]),
      nb.insert('DHCP_Options', { ...wanted, external_ids: externalIds }, { uuid: dhcpUuid(id) }),
    ];
  }
  if (row.cidr !== wanted.cidr || !equalValues(row.options, wanted.options)) {
    operations.push(nb.update('DHCP_Options', byUuid(row.uuid), wanted));
  }
  if (!hasPairs(row.external_ids, externalIds)) {
    const keys = { column: 'external_ids', pairs: externalIds } as const;
    operations.push(nb.setKeys('DHCP_Options', byUuid(row.uuid), keys));
  }
  return operations;
}
