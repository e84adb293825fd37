/** The drivers of networks and ports as subjects of the drivers' suite. */
import { randomUUID } from 'node:crypto';
import { clone, create, type DescMessage } from '@bufbuild/protobuf';
import { VirtualNetworkSchema } from '@limiquantix/proto/network/v1/network_pb.js';
import { PortSchema } from '@limiquantix/proto/network/v1/port_pb.js';
import { NorthboundView, nb } from '../../server/src/drivers/ovn/northbound-rows.js';
import type { Removal } from '../../server/src/reconcile/driver.js';
import { readyOf } from '../../server/src/resource/ready.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { byUuid } from '../../server/src/wire/ovsdb/operations.js';
import type { StartedBench, Subject } from './driver-suite.js';
import type { OvnBackend } from './ovn-backends.js';
import { controlPlane, World } from './ovn-control-plane.js';

const waitMs = 10_000;

interface Parts {
  readonly backend: OvnBackend;
  readonly world: World;
  readonly type: 'network' | 'port';
  readonly desc: DescMessage;
  readonly resource: AnyResource;
}

/** Networks on an OVN. */
export async function networksOn(starting: Promise<OvnBackend>): Promise<StartedBench> {
  const backend = await starting;
  return {
    async subject() {
      const world = new World();
      const resource = world.add('network', newNetwork());
      return subjectOf({ backend, world, type: 'network', desc: VirtualNetworkSchema, resource });
    },
    stop: () => backend.stop(),
  };
}

/** Ports on an OVN, each in a network of its own, which stays. */
export async function portsOn(starting: Promise<OvnBackend>): Promise<StartedBench> {
  const backend = await starting;
  return {
    async subject() {
      const world = new World();
      const network = world.add('network', newNetwork());
      const plane = controlPlane(backend, world);
      await plane.converge(plane.network, network);
      plane.api.close();
      const status = { macAddress: '52:54:00:00:00:01', ipAddresses: ['10.0.0.7'] };
      const header = { id: randomUUID(), name: 'port', generation: 1n };
      const port = create(PortSchema, { ...header, spec: { networkId: network.id }, status });
      const resource = world.add('port', port as unknown as AnyResource);
      return subjectOf({ backend, world, type: 'port', desc: PortSchema, resource });
    },
    stop: () => backend.stop(),
  };
}

function newNetwork(): AnyResource {
  const spec = { ipv4: { cidr: '10.0.0.0/16', gateway: '10.0.0.1' } };
  const header = { id: randomUUID(), name: 'net', generation: 1n };
  return create(VirtualNetworkSchema, { ...header, spec }) as unknown as AnyResource;
}

function subjectOf(parts: Parts): Subject {
  const { backend, world, type, desc } = parts;
  // Each process has an object of its own, and puts its status there.
  const resource = clone(desc, parts.resource) as AnyResource;
  let plane = controlPlane(backend, world);
  let before = 0;
  const changes = (): number => before + plane.api.transactions;
  return {
    make: async () => void (await plane.converge(plane[type], resource)),
    async remove() {
      const driver = plane[type] as { remove(one: AnyResource): Promise<Removal> };
      const removal = await driver.remove(resource);
      if (!removal.gone) throw new Error(`it waits for ${removal.waitingFor}`);
    },
    held: () => heldIn(backend, resource.id),
    changes,
    fail(fault) {
      // One that never comes takes the place of one that is no longer wanted.
      plane.api.failAt((fault?.step ?? 1_000) - 1, fault?.when ?? 'before');
    },
    async restart() {
      before = changes();
      plane.api.close();
      plane = controlPlane(backend, world);
    },
    rival: async () => subjectOf(parts),
    async meddle() {
      plane.poked.length = 0;
      const other = backend.connect();
      const table = type === 'network' ? 'Logical_Switch' : 'Logical_Switch_Port';
      const change = { external_ids: { 'limiquantix:id': resource.id } };
      await other.transact([nb.update(table, byUuid(resource.id), change)]);
      other.close();
      await until(() => plane.poked.some(({ id }) => id === resource.id));
    },
    complaint() {
      const { reason = 'none' } = readyOf(resource.status?.conditions) ?? {};
      return reason === 'Ready' ? '' : reason;
    },
    end: async () => plane.api.close(),
  };
}

/** The rows that carry the id, as a client finds them that knew nothing before. */
async function heldIn(backend: OvnBackend, id: string): Promise<unknown> {
  const api = backend.connect();
  try {
    const rows = await new NorthboundView(api, () => undefined).rows();
    const switches = rows.switchesById.get(id);
    const dhcp = rows.dhcpById.get(id).map(({ cidr, options }) => ({ cidr, options }));
    const ports = rows.portsById.get(id).map(({ up: _up, dhcpv4_options, ...port }) => ({
      ...port,
      hasDhcp: dhcpv4_options !== null,
    }));
    const isNone = switches.length + dhcp.length + ports.length === 0;
    return isNone ? undefined : { switches, dhcp, ports };
  } finally {
    api.close();
  }
}

async function until(holds: () => boolean): Promise<void> {
  const endMs = Date.now() + waitMs;
  while (!holds()) {
    if (Date.now() > endMs) throw new Error('the view was not told of a change');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
