/**
 * The control plane's driver for ports: a logical switch port in OVN's northbound, named by the
 * port's id because libvirt plugs interfaces in by it. Its addresses were decided by IPAM; whether
 * it is up is OVN's word, and reaches the status by the database's own notifications.
 */
import { PowerState, type VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { VirtualNetwork } from '@limiquantix/proto/network/v1/network_pb.js';
import {
  PortPhase as Phase,
  type Port,
  PortSpecSchema,
  type PortStatus,
  PortStatusSchema,
} from '@limiquantix/proto/network/v1/port_pb.js';
import type { BackendObject } from '../../decide/backend-object.js';
import { wholeSpecOf } from '../../decide/whole-spec.js';
import type {
  Difference,
  Driver,
  Lookup,
  Removal,
  SupportsInventory,
  SupportsStrayRemoval,
  SupportsTriggers,
} from '../../reconcile/driver.js';
import type { ViewChange } from '../../reconcile/loop.js';
import { effective } from '../../resource/default-values.js';
import { patched } from '../../resource/patched.js';
import { notReady, ready, readyOf } from '../../resource/ready.js';
import type { ResourceKey } from '../../resource/resource.js';
import type { Northbound } from '../../wire/ovsdb/northbound.js';
import { byUuid, type Operation, type RowValues } from '../../wire/ovsdb/operations.js';
import { equalValues } from '../../wire/ovsdb/values.js';
import { dhcpUuid, hasDhcp } from './dhcp.js';
import { externalIdsOf, hasPairs } from './identity.js';
import type { OvnAction } from './network.js';
import {
  type NorthboundRows,
  type NorthboundView,
  nb,
  type PortRow,
  pickRow,
} from './northbound-rows.js';

const type = 'port';

/** How soon a port looks again for the network that it waits for. */
const NETWORK_AGAIN_MS = 1_000;

const NO_ADDRESS = 'NoAddress';
const NOT_UP = 'NotUp';
/** How long OVN may take to program a node once a machine runs there, before that is told. */
const PROGRAMMING_MS = 2_000;

/** What a port has in OVN, and what it hangs on. */
export interface ObservedPort {
  readonly rows: readonly PortRow[];
  /** The network's logical switch and DHCP options, where they exist. */
  readonly switchUuid: string | undefined;
  readonly dhcpUuid: string | undefined;
  /** Whether it should be up for longer than OVN may take. */
  readonly isLate: boolean;
}

/** The driver for `port`. */
export class PortDriver
  implements
    Driver<Port, ObservedPort, OvnAction, PortStatus>,
    SupportsInventory,
    SupportsStrayRemoval,
    SupportsTriggers
{
  readonly type = type;
  readonly runsOn = 'control-plane';

  /** Since when ports of machines that run are not up. */
  readonly #downSinceMs = new Map<string, number>();

  constructor(private readonly northbound: NorthboundView) {}

  async observe(port: Port, lookup: Lookup): Promise<ObservedPort> {
    const rows = await this.northbound.rows();
    const networkId = port.spec?.networkId ?? '';
    const own = rowsOf(rows, port.id);
    return {
      rows: own,
      isLate: this.#isLate(port, isUp(own), lookup),
      switchUuid: pickRow(rows.switchesById.get(networkId), networkId).row?.uuid,
      dhcpUuid: pickRow(rows.dhcpById.get(networkId), dhcpUuid(networkId)).row?.uuid,
    };
  }

  diff(port: Port, observed: ObservedPort, lookup: Lookup): Difference<OvnAction, PortStatus> {
    const vm = vmOf(port, lookup);
    const status = patched(PortStatusSchema, port.status, {
      observedGeneration: port.generation,
      vmId: vm?.id ?? '',
      up: isUp(observed.rows),
    });
    const waits = whyItWaits(port, observed, lookup);
    if (waits !== undefined && (observed.rows.length === 0 || waits.reason === NO_ADDRESS)) {
      const conditions = notReady(waits.reason, waits.message);
      Object.assign(status, { phase: Phase.PENDING, conditions });
      return { actions: [], status, againAfterMs: NETWORK_AGAIN_MS };
    }
    const operations = portOperations(port, observed);
    if (operations.length > 0) {
      const conditions = notReady('Programming', 'OVN is being told of it');
      Object.assign(status, { phase: Phase.PENDING, conditions });
      return { actions: [{ what: 'write the logical switch port', operations }], status };
    }
    const isDown = isMissed(port, status.up, vm);
    Object.assign(status, judge(status.up, isDown && observed.isLate ? vm : undefined));
    if (waits) return { actions: [], status, againAfterMs: NETWORK_AGAIN_MS };
    return { actions: [], status, ...(isDown ? { againAfterMs: PROGRAMMING_MS } : {}) };
  }

  async apply(_: Port, { operations }: OvnAction): Promise<void> {
    await this.northbound.write(operations);
  }

  async remove({ id }: Port): Promise<Removal> {
    await this.removeStray(id);
    return { gone: true };
  }

  async removeStray(id: string): Promise<void> {
    this.#downSinceMs.delete(id);
    const operations = rowsOf(await this.northbound.rows(), id).map(({ uuid }) => release(uuid));
    if (operations.length > 0) await this.northbound.write(operations);
  }

  async inventory(): Promise<readonly BackendObject[]> {
    return (await this.northbound.rows()).objects(['Logical_Switch_Port']);
  }

  triggers({ key, resource, previous }: ViewChange, lookup: Lookup): readonly ResourceKey[] {
    if (key.type === type) return [];
    const ids = lookup.referrers<Port>(type, key.id).map(({ id }) => id);
    if (key.type === 'vm') {
      const machines = [resource, previous] as (VirtualMachine | undefined)[];
      const [now, before] = machines.map(readOfVm);
      if (now === before) return [];
      ids.push(...machines.flatMap(portsNamedBy));
    }
    return [...new Set(ids)].map((id) => ({ type, id }));
  }

  /** Whether OVN has had its time. One that was told not to be up is told so until it is. */
  #isLate(port: Port, up: boolean, lookup: Lookup): boolean {
    if (!isMissed(port, up, vmOf(port, lookup))) {
      this.#downSinceMs.delete(port.id);
      return false;
    }
    const sinceMs = this.#downSinceMs.get(port.id) ?? lookup.nowMs();
    this.#downSinceMs.set(port.id, sinceMs);
    const wasTold = readyOf(port.status?.conditions)?.reason === NOT_UP;
    return wasTold || lookup.nowMs() - sinceMs >= PROGRAMMING_MS;
  }
}

/** By name too: OVN holds names of ports unique, so a row with ours is in the way or ours. */
function rowsOf({ portsById, portsByName }: NorthboundRows, id: string): readonly PortRow[] {
  const rows = new Map(
    [...portsByName.get(id), ...portsById.get(id)].map((row) => [row.uuid, row]),
  );
  const { row, extra } = pickRow([...rows.values()], id);
  return row ? [row, ...extra] : [];
}

/** A port goes when no switch refers to it any more. */
function release(uuid: string): Operation {
  return nb.mutate(
    'Logical_Switch',
    [['ports', 'includes', [uuid]]],
    [['ports', 'delete', [uuid]]],
  );
}

function portOperations(port: Port, observed: ObservedPort): Operation[] {
  const { id } = port;
  const [row, ...extra] = observed.rows;
  const wanted = wantedRow(port, observed);
  const externalIds = externalIdsOf(type, port);
  const { switchUuid } = observed;
  if (!row) {
    if (switchUuid === undefined) return [];
    return [
      nb.mustExist('Logical_Switch', switchUuid),
      nb.insert('Logical_Switch_Port', { ...wanted, external_ids: externalIds }, { uuid: id }),
      nb.mutate('Logical_Switch', byUuid(switchUuid), [['ports', 'insert', [id]]]),
    ];
  }
  const operations = extra.map(({ uuid }) => release(uuid));
  const columns = ['name', 'addresses', 'port_security', 'enabled', 'dhcpv4_options'] as const;
  if (!columns.every((column) => equalValues(row[column], wanted[column]))) {
    operations.push(nb.update('Logical_Switch_Port', byUuid(row.uuid), wanted));
  }
  if (!hasPairs(row.external_ids, externalIds)) {
    const keys = { column: 'external_ids', pairs: externalIds } as const;
    operations.push(nb.setKeys('Logical_Switch_Port', byUuid(row.uuid), keys));
  }
  return operations;
}

function wantedRow(port: Port, observed: ObservedPort) {
  const { spec, status } = port;
  const address = [status?.macAddress ?? '', ...(status?.ipAddresses ?? [])].join(' ');
  const isSecure = effective(PortSpecSchema, spec, 'portSecurity');
  return {
    name: port.id,
    addresses: [address],
    port_security: isSecure ? [address] : [],
    enabled: effective(PortSpecSchema, spec, 'enabled'),
    dhcpv4_options: observed.dhcpUuid ?? null,
  } satisfies RowValues<Northbound, 'Logical_Switch_Port'>;
}

/** What the port lacks of its network, or undefined. */
function whyItWaits(port: Port, observed: ObservedPort, lookup: Lookup) {
  const network = lookup.get<VirtualNetwork>('network', port.spec?.networkId ?? '');
  if (!port.status?.macAddress) {
    return { reason: NO_ADDRESS, message: 'its addresses are not decided yet' };
  }
  const lacksDhcp = network !== undefined && hasDhcp(network) && observed.dhcpUuid === undefined;
  if (observed.switchUuid === undefined || lacksDhcp) {
    return { reason: 'NetworkNotReady', message: 'its network is not ready yet' };
  }
  return undefined;
}

function vmOf(port: Port, lookup: Lookup): VirtualMachine | undefined {
  if (port.owner?.type === 'vm') return lookup.get<VirtualMachine>('vm', port.owner.id);
  return lookup.referrers<VirtualMachine>('vm', port.id)[0];
}

/** What of a machine its ports are judged by. */
function readOfVm(vm: VirtualMachine | undefined): string {
  return JSON.stringify([vm?.etag, vm?.status?.powerState, portsNamedBy(vm)]);
}

/** The ports that a machine's interfaces name, and those that were made for them. */
function portsNamedBy(vm: VirtualMachine | undefined): readonly string[] {
  const named = Object.values((vm && wholeSpecOf(vm))?.nics ?? {}).flatMap(({ source }) =>
    source.case === 'portId' ? source.value : [],
  );
  return [...named, ...Object.values(vm?.status?.nics ?? {}).map(({ portId }) => portId)];
}

const isUp = ([row]: readonly PortRow[]): boolean => row?.up === true;

/** Whether a port is not up whose machine runs. */
function isMissed(port: Port, up: boolean, vm: VirtualMachine | undefined): boolean {
  const runs = vm?.status?.powerState === PowerState.RUNNING;
  return !up && runs && effective(PortSpecSchema, port.spec, 'enabled');
}

/** `missedBy` is the machine that has waited for it for long. */
function judge(
  up: boolean,
  missedBy: VirtualMachine | undefined,
): Pick<PortStatus, 'phase' | 'conditions'> {
  const phase = up ? Phase.UP : Phase.DOWN;
  if (missedBy === undefined) return { phase, conditions: ready() };
  const message = `virtual machine ${missedBy.name} runs, and OVN has not programmed its node yet`;
  return { phase, conditions: notReady(NOT_UP, message) };
}
