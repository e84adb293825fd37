/**
 * The drivers of networks and ports, against the fake OVN and, where it is installed, the real
 * one: apply twice is apply once, a failure at any step is made good by the next try, what is
 * absent is removed at once, and what others change behind our back is seen and repaired.
 */
import { randomUUID } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  PowerState,
  type VirtualMachine,
  VirtualMachineSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import {
  type VirtualNetwork,
  VirtualNetworkSchema,
  type VirtualNetworkSpec,
  VirtualNetworkSpecSchema,
} from '@limiquantix/proto/network/v1/network_pb.js';
import {
  type Port,
  PortPhase,
  PortSchema,
  type PortSpecSchema,
} from '@limiquantix/proto/network/v1/port_pb.js';
import { ovnInventory } from '../../server/src/drivers/ovn/inventory.js';
import { nb } from '../../server/src/drivers/ovn/northbound-rows.js';
import { readyOf } from '../../server/src/resource/ready.js';
import { byUuid } from '../../server/src/wire/ovsdb/operations.js';
import { hasRealOvn, type OvnBackend, startFakeOvn, startRealOvn } from './ovn-backends.js';
import { controlPlane, World } from './ovn-control-plane.js';

const WAIT_MS = 10_000;

type NetworkInit = Exclude<MessageInitShape<typeof VirtualNetworkSpecSchema>, VirtualNetworkSpec>;
type PortInit = MessageInitShape<typeof PortSpecSchema>;

describe.each([
  ['the fake OVN', startFakeOvn, true],
  ['the real OVN (skipped without ovsdb-server and ovn-northd)', startRealOvn, hasRealOvn],
])('%s', (_name, start, isThere) => {
  const test_ = isThere ? it : it.skip;
  let backend: OvnBackend;
  let world: World;
  let plane: ReturnType<typeof controlPlane>;
  let addresses = 1;

  beforeAll(async () => {
    if (isThere) backend = await start();
  });
  beforeEach(() => {
    if (!isThere) return;
    world = new World();
    plane = controlPlane(backend, world);
  });
  afterEach(() => plane?.api.close());
  afterAll(() => backend?.stop());

  const newNetwork = (spec: NetworkInit = {}): VirtualNetwork => {
    const ipv4 = { cidr: '10.0.0.0/16', gateway: '10.0.0.1' };
    const full = create(VirtualNetworkSpecSchema, { ipv4, ...spec });
    const header = { id: randomUUID(), name: 'net', generation: 1n };
    return world.add('network', create(VirtualNetworkSchema, { ...header, spec: full }));
  };
  const newPort = (networkId: string, spec: PortInit = {}): Port => {
    addresses += 1;
    const last = [addresses >> 8, addresses & 255] as const;
    const macAddress = `52:54:00:00:${last.map((n) => n.toString(16).padStart(2, '0')).join(':')}`;
    const status = { macAddress, ipAddresses: [`10.0.${last.join('.')}`] };
    const header = { id: randomUUID(), name: 'port', generation: 1n };
    const port = create(PortSchema, { ...header, spec: { networkId, ...spec }, status });
    return world.add('port', port);
  };
  const rowsOf = async (id: string) => {
    const rows = await plane.view.rows();
    return {
      switches: rows.switchesById.get(id),
      dhcp: rows.dhcpById.get(id),
      ports: rows.portsById.get(id),
    };
  };
  const until = async (holds: () => Promise<boolean> | boolean): Promise<void> => {
    const deadline = Date.now() + WAIT_MS;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error('the condition did not come to hold in time');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  describe('a network', () => {
    test_('becomes one switch with DHCP; apply twice is apply once', async () => {
      const network = newNetwork();
      await plane.converge(plane.network, network);
      const { switches, dhcp } = await rowsOf(network.id);
      const ids = {
        'limiquantix:id': network.id,
        'limiquantix:type': 'network',
        'limiquantix:name': 'net',
      };
      expect(switches).toEqual([{ uuid: network.id, name: network.id, external_ids: ids }]);
      expect(dhcp).toMatchObject([{ cidr: '10.0.0.0/16', options: { router: '10.0.0.1' } }]);
      expect(readyOf(network.status?.conditions)?.reason).toBe('Ready');
      const { transactions } = plane.api;
      expect(await plane.converge(plane.network, network)).toBe(0);
      expect(plane.api.transactions).toBe(transactions);
    });

    test_.each(['before', 'after'] as const)(
      'is made whole after a failure %s a step',
      async (when) => {
        const network = newNetwork();
        plane.api.failAt(0, when);
        await expect(plane.converge(plane.network, network)).rejects.toMatchObject({
          reason: 'OVSDB_DISCONNECTED',
          retryable: true,
        });
        await plane.converge(plane.network, network);
        const { switches, dhcp } = await rowsOf(network.id);
        expect([switches.length, dhcp.length]).toEqual([1, 1]);
      },
    );

    test_('is made once by two control planes at the same time', async () => {
      const others = [1, 2, 3].map(() => controlPlane(backend, world));
      const network = newNetwork();
      const all = [plane, ...others];
      await Promise.all(all.map(({ view }) => view.rows()));
      const outcomes = await Promise.allSettled(
        all.map((one) => one.converge(one.network, create(VirtualNetworkSchema, network))),
      );
      expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
      await until(async () => (await rowsOf(network.id)).dhcp.length > 0);
      const { switches, dhcp } = await rowsOf(network.id);
      expect([switches.length, dhcp.length]).toEqual([1, 1]);
      for (const one of all) {
        expect(await one.converge(one.network, create(VirtualNetworkSchema, network))).toBe(0);
      }
      for (const { api } of others) api.close();
    });

    test_('changes in place', async () => {
      const network = newNetwork();
      await plane.converge(plane.network, network);
      const before = await rowsOf(network.id);
      const [dhcpBefore] = before.dhcp;
      Object.assign(network, { name: 'renamed' });
      const changed = newNetwork({
        mtu: 1300,
        dhcp: { dnsServers: ['1.1.1.1'], leaseSeconds: 60 },
      });
      Object.assign(network, { spec: changed.spec });
      await plane.converge(plane.network, network);
      const after = await rowsOf(network.id);
      expect(after.switches[0]).toMatchObject({
        uuid: network.id,
        external_ids: { 'limiquantix:name': 'renamed' },
      });
      expect(after.dhcp).toMatchObject([
        {
          uuid: dhcpBefore?.uuid,
          options: { mtu: '1300', dns_server: '1.1.1.1', lease_time: '60' },
        },
      ]);
      Object.assign(network, { spec: newNetwork({ dhcp: { enabled: false } }).spec });
      await plane.converge(plane.network, network);
      expect((await rowsOf(network.id)).dhcp).toEqual([]);
    });

    test_('is poked and repaired when others change or remove its rows', async () => {
      const network = newNetwork();
      await plane.converge(plane.network, network);
      const other = backend.connect();
      const [dhcp] = (await rowsOf(network.id)).dhcp;
      const dhcpRow = byUuid(dhcp?.uuid ?? '');
      plane.poked.length = 0;
      await other.transact([nb.update('DHCP_Options', dhcpRow, { options: { mtu: '9000' } })]);
      await until(() => plane.poked.some(({ id }) => id === network.id));
      await plane.converge(plane.network, network);
      expect((await rowsOf(network.id)).dhcp[0]?.options['mtu']).toBe('1442');
      plane.poked.length = 0;
      await other.transact([nb.delete('Logical_Switch', byUuid(network.id))]);
      await until(() => plane.poked.some(({ id }) => id === network.id));
      await plane.converge(plane.network, network);
      expect((await rowsOf(network.id)).switches).toHaveLength(1);
      other.close();
    });

    test_('keeps one switch where somebody made a copy, and takes over a foreign one', async () => {
      const network = newNetwork();
      const ids = { 'limiquantix:id': network.id, 'limiquantix:type': 'network' };
      const copy = nb.insert('Logical_Switch', { name: 'copy', external_ids: ids });
      await plane.api.transact([copy, copy]);
      await plane.converge(plane.network, network);
      const { switches } = await rowsOf(network.id);
      expect(switches).toMatchObject([{ name: network.id }]);
    });

    test_('is removed, at once where it is absent, and not while it has ports', async () => {
      const network = newNetwork();
      expect(await plane.network.remove(network)).toEqual({ gone: true });
      await plane.converge(plane.network, network);
      const port = newPort(network.id);
      await plane.converge(plane.port, port);
      const refused = await plane.network.remove(network);
      expect(refused).toMatchObject({ gone: false, waitingFor: expect.stringContaining('ports') });
      expect(await plane.port.remove(port)).toEqual({ gone: true });
      expect(await plane.port.remove(port)).toEqual({ gone: true });
      plane.api.failAt(0, 'after');
      await expect(plane.network.remove(network)).rejects.toMatchObject({ retryable: true });
      expect(await plane.network.remove(network)).toEqual({ gone: true });
      const left = await ovnInventory(plane.view);
      expect(left.filter(({ id }) => id === network.id || id === port.id)).toEqual([]);
    });
  });

  describe('a port', () => {
    const withNetwork = async (spec: NetworkInit = {}): Promise<VirtualNetwork> => {
      const network = newNetwork(spec);
      await plane.converge(plane.network, network);
      return network;
    };

    test_('waits for its network, then becomes one row; apply twice is apply once', async () => {
      const network = newNetwork();
      const port = newPort(network.id);
      await plane.converge(plane.port, port);
      expect(readyOf(port.status?.conditions)?.reason).toBe('NetworkNotReady');
      await plane.converge(plane.network, network);
      await plane.converge(plane.port, port);
      const { ports } = await rowsOf(port.id);
      const address = `${port.status?.macAddress} ${port.status?.ipAddresses[0]}`;
      const [dhcp] = (await rowsOf(network.id)).dhcp;
      expect(ports).toMatchObject([
        {
          uuid: port.id,
          name: port.id,
          addresses: [address],
          port_security: [address],
          enabled: true,
          dhcpv4_options: dhcp?.uuid,
          external_ids: { 'limiquantix:id': port.id, 'limiquantix:type': 'port' },
        },
      ]);
      expect(readyOf(port.status?.conditions)?.reason).toBe('Ready');
      expect(port.status?.phase).toBe(PortPhase.DOWN);
      expect(await plane.converge(plane.port, port)).toBe(0);
    });

    test_.each(['before', 'after'] as const)(
      'is made whole after a failure %s a step',
      async (when) => {
        const { id } = await withNetwork();
        const port = newPort(id);
        plane.api.failAt(0, when);
        await expect(plane.converge(plane.port, port)).rejects.toMatchObject({ retryable: true });
        await plane.converge(plane.port, port);
        expect((await rowsOf(port.id)).ports).toHaveLength(1);
      },
    );

    test_('changes in place', async () => {
      const network = await withNetwork();
      const port = newPort(network.id);
      await plane.converge(plane.port, port);
      const spec = newPort(network.id, { portSecurity: false, enabled: false }).spec;
      Object.assign(port, { spec });
      Object.assign(port.status ?? {}, { ipAddresses: ['10.0.200.1'] });
      await plane.converge(plane.port, port);
      const { ports } = await rowsOf(port.id);
      const addresses = [`${port.status?.macAddress} 10.0.200.1`];
      expect(ports).toMatchObject([
        { uuid: port.id, addresses, port_security: [], enabled: false },
      ]);
      const off = newNetwork({ dhcp: { enabled: false } });
      Object.assign(network, { spec: off.spec });
      await plane.converge(plane.network, network);
      await plane.converge(plane.port, port);
      expect((await rowsOf(port.id)).ports[0]?.dhcpv4_options).toBeNull();
    });

    test_('is up while it is plugged, and not ready while its machine runs without', async () => {
      const { id } = await withNetwork();
      const vm = world.add<VirtualMachine>(
        'vm',
        create(VirtualMachineSchema, {
          id: randomUUID(),
          name: 'web',
          status: { powerState: PowerState.RUNNING },
        }),
      );
      const port = newPort(id);
      Object.assign(port, { owner: { type: 'vm', id: vm.id, device: 'main' } });
      await plane.converge(plane.port, port);
      // OVN takes a moment: that is no news.
      expect(readyOf(port.status?.conditions)?.reason).toBe('Ready');
      world.timeMs += 2_000;
      await plane.converge(plane.port, port);
      expect(readyOf(port.status?.conditions)?.reason).toBe('NotUp');
      expect(port.status?.vmId).toBe(vm.id);
      plane.poked.length = 0;
      await backend.plug(port.id);
      await until(async () => (await rowsOf(port.id)).ports[0]?.up === true);
      expect(plane.poked).toContainEqual({ type: 'port', id: port.id });
      await plane.converge(plane.port, port);
      expect(port.status).toMatchObject({ up: true, phase: PortPhase.UP });
      expect(readyOf(port.status?.conditions)?.reason).toBe('Ready');
      await backend.unplug(port.id);
      await until(async () => (await rowsOf(port.id)).ports[0]?.up === false);
      await plane.converge(plane.port, port);
      expect(port.status).toMatchObject({ up: false, phase: PortPhase.DOWN });
    });

    test_('comes back after its switch was removed by somebody', async () => {
      const network = await withNetwork();
      const port = newPort(network.id);
      await plane.converge(plane.port, port);
      const other = backend.connect();
      plane.poked.length = 0;
      await other.transact([nb.delete('Logical_Switch', byUuid(network.id))]);
      // northd's own changes of the port may still be told, and poke it as well.
      await until(async () => {
        await plane.converge(plane.port, port);
        return readyOf(port.status?.conditions)?.reason === 'NetworkNotReady';
      });
      await until(async () => plane.poked.some(({ id }) => id === port.id));
      await plane.converge(plane.network, network);
      await plane.converge(plane.port, port);
      expect((await rowsOf(port.id)).ports).toHaveLength(1);
      plane.poked.length = 0;
      await other.transact([
        nb.update('Logical_Switch_Port', byUuid(port.id), { addresses: ['unknown'] }),
      ]);
      const own = `${port.status?.macAddress} ${port.status?.ipAddresses[0]}`;
      await until(async () => {
        await plane.converge(plane.port, port);
        return (await rowsOf(port.id)).ports[0]?.addresses[0] === own;
      });
      await until(async () => plane.poked.some(({ id }) => id === port.id));
      other.close();
    });

    test_('is one of many that are written in few transactions', async () => {
      const { id } = await withNetwork();
      const ports = Array.from({ length: 500 }, () => newPort(id));
      const { transactions } = plane.api;
      await Promise.all(ports.map((port) => plane.converge(plane.port, port)));
      expect(plane.api.transactions - transactions).toBeLessThan(10);
      expect(ports.map(({ status }) => status?.phase)).toEqual(ports.map(() => PortPhase.DOWN));
      await Promise.all(ports.map((port) => plane.port.remove(port)));
      const left = await plane.port.inventory();
      expect(left.filter((key) => ports.some((port) => port.id === key.id))).toEqual([]);
    });

    test_('is removed while its deletion is asked for, found by its id alone', async () => {
      const { id } = await withNetwork();
      const port = newPort(id);
      await plane.converge(plane.port, port);
      Object.assign(port, { deletionRequestedAt: timestampFromMs(0) });
      const other = controlPlane(backend, world);
      expect(await other.port.remove(port)).toEqual({ gone: true });
      await until(async () => (await rowsOf(port.id)).ports.length === 0);
      other.api.close();
    });
  });
});
