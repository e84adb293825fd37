/**
 * Two control planes on one etcd: both serve, one leads. The leader is killed while machines are
 * made, and the other goes on: everything is there once, and deleted, nothing is left. Agents,
 * uploads and fleets come to the leader whichever server they call.
 */

import { create } from '@bufbuild/protobuf';
import { Code, createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { VmFleetSchema } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { VmFleetService } from '@limiquantix/proto/compute/v1/vm_fleet_service_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { newId } from '../../server/src/bin/effects.js';
import type { Profile } from '../../server/src/bin/profile.js';
import type { Log } from '../../server/src/log.js';
import { isReady } from '../../server/src/resource/conditions.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { hasEtcd, RealEtcd } from '../conformance/real-etcd.js';
import { type Base, machineOn, makeBase } from '../harness/declared.js';
import { untilWell } from '../harness/doctor.js';
import { ServerPair } from '../harness/server-pair.js';
import { until } from '../harness/wait.js';

jest.setTimeout(180_000);

const deadlineMs = 60_000;
const names = ['one', 'two', 'three', 'four', 'five', 'six'];
const vmType = contractTypes.get('vm');
const linesMax = 80;

const describeEtcd = hasEtcd() ? describe : describe.skip;

describeEtcd('two servers on one etcd', () => {
  let etcd: RealEtcd;
  let pair: ServerPair;
  let lines: string[] = [];

  const logOf = (name: string): Log => {
    const write = (message: string, fields?: unknown): void => {
      const text = JSON.stringify(fields, (_, value: unknown) => {
        if (value instanceof Error) return { message: value.message, cause: value.cause };
        return typeof value === 'bigint' ? String(value) : value;
      });
      lines.push(`${new Date().toISOString()} ${name} ${message} ${text}`);
    };
    return { debug: () => undefined, info: write, warn: write, error: write };
  };

  beforeAll(async () => {
    etcd = await RealEtcd.start({ members: 1 });
  });

  afterAll(async () => {
    await etcd?.stop();
  });

  beforeEach(async () => {
    lines = [];
    pair = await ServerPair.up(etcd.endpoints, logOf);
  });

  afterEach(async () => {
    await pair?.down();
  });

  const showingLog = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      process.stderr.write(`${lines.slice(-linesMax).join('\n')}\n`);
      throw error;
    }
  };

  const leader = (): Promise<string> =>
    until(
      'a server leads',
      deadlineMs,
      () => [...pair.servers.values()].find(({ northbounds }) => northbounds.size > 0)?.name,
    );

  const createAt = (name: string, base: Base, vm: string): Promise<AnyResource> =>
    pair.get(name).client.create(vmType, machineOn(base, vm), `request-${vm}`);

  const whenReady = (name: string, count: number): Promise<VirtualMachine[]> =>
    until('all machines are ready', deadlineMs, async () => {
      const all = (await pair.get(name).client.list(vmType)) as unknown as VirtualMachine[];
      return all.length === count && all.every(isReady) ? all : undefined;
    });

  const checkOnce = (vms: readonly VirtualMachine[]): void => {
    const { domains, rows } = pair.world.inventory();
    expect(domains).toHaveLength(vms.length);
    const ids = pair.world.hosts.flatMap(({ libvirtd }) => libvirtd.all().map(({ uuid }) => uuid));
    expect(ids.sort()).toEqual(vms.map(({ id }) => id).sort());
    expect(rows).toMatchObject({ Logical_Switch: 1, Logical_Switch_Port: vms.length });
    const addresses = vms.flatMap(({ status }) => status?.nics['lan']?.ipAddresses ?? []);
    expect(new Set(addresses).size).toBe(vms.length);
  };

  const deleteAll = async (name: string, base: Base): Promise<void> => {
    const { client } = pair.get(name);
    const remove = async (type: string, ids: readonly string[]): Promise<void> => {
      const resourceType = contractTypes.get(type);
      await Promise.all(ids.map((id) => client.delete(resourceType, id)));
      await until(`every ${type} is gone`, deadlineMs, async () => {
        const left = await client.list(resourceType);
        return left.some(({ id }) => ids.includes(id)) ? undefined : true;
      });
    };
    await remove(
      'vm',
      (await client.list(vmType)).map(({ id }) => id),
    );
    await remove('network', [base.networkId]);
    const { domains, rows } = pair.world.inventory();
    expect(domains).toEqual([]);
    expect(rows).toMatchObject({ Logical_Switch: 0, Logical_Switch_Port: 0, DHCP_Options: 0 });
  };

  it('goes on when the one that leads is killed, with nothing made twice', async () => {
    await showingLog(async () => {
      const first = await leader();
      const other = first === 'a' ? 'b' : 'a';
      // Everything goes to the one that doesn't lead: joining, agents, the upload.
      await pair.joinHosts(other);
      const base = await makeBase(pair.get(other).transport);
      const early = names.slice(0, 3);
      const made = await Promise.all(
        early.map((name, i) => createAt(i % 2 ? first : other, base, name)),
      );
      await pair.kill(first);
      const killedMs = performance.now();
      // Writes go on at once; only decisions wait.
      await createAt(other, base, 'four');
      process.stderr.write(`several servers: a write after ${ms(killedMs)} ms\n`);
      await leader();
      process.stderr.write(`several servers: the other leads after ${ms(killedMs)} ms\n`);
      await Promise.all(names.map((name) => createAt(other, base, name)));
      const vms = await whenReady(other, names.length);
      process.stderr.write(`several servers: all ready after ${ms(killedMs)} ms\n`);
      expect(vms.map(({ id }) => id)).toEqual(expect.arrayContaining(made.map(({ id }) => id)));
      checkOnce(vms);
      await pair.start(first);
      expect(await leader()).toBe(other);
      expect(await whenReady(first, names.length)).toHaveLength(names.length);
      // Asked of the one that doesn't lead.
      await untilWell(pair.get(first).transport, deadlineMs);
      await deleteAll(first, base);
    });
  });

  it('hands over at once when the leader is asked to end, and admits fleets at both', async () => {
    await showingLog(async () => {
      const first = await leader();
      const other = first === 'a' ? 'b' : 'a';
      await pair.joinHosts(first);
      const base = await makeBase(pair.get(first).transport);
      const vm = machineOn(base, 'template').spec;
      if (vm === undefined) throw new Error('no machine');
      const spec = { replicas: 3, template: { case: 'vm', value: vm } } as const;
      const fleet = create(VmFleetSchema, { name: 'fleet', spec });
      // By gRPC, whose status comes in trailers, or with the headers where there is no answer.
      const fleets = createClient(VmFleetService, grpcTo(pair.get(other).running.profile));
      await fleets.createVmFleet({ vmFleet: fleet });
      await expect(fleets.deleteVmFleet({ id: newId() })).rejects.toMatchObject({
        code: Code.NotFound,
      });
      const vms = await whenReady(other, 3);
      checkOnce(vms);
      const stoppedMs = performance.now();
      await pair.stop(first);
      expect(await leader()).toBe(other);
      process.stderr.write(`several servers: handed over within ${ms(stoppedMs)} ms\n`);
      expect(await whenReady(other, 3)).toHaveLength(3);
      checkOnce(await whenReady(other, 3));
    });
  });
});

function grpcTo({ endpoint, caCertificate, token }: Profile): Transport {
  return createGrpcTransport({
    baseUrl: endpoint,
    nodeOptions: { ca: caCertificate },
    interceptors: [
      (next) => (request) => {
        request.header.set('authorization', `Bearer ${token}`);
        return next(request);
      },
    ],
  });
}

const ms = (sinceMs: number): number => Math.round(performance.now() - sinceMs);
