/**
 * The driver for virtual machines against a simulated libvirtd and a real one: what a machine's
 * spec asks for comes about, and what others did is seen. What holds of every driver, faults at each
 * step among it, is in `driver.test.ts`.
 */
import { PowerState, RestartPolicy } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { keysOf } from '../../server/src/decide/backend-object.js';
import { domainNameOf } from '../../server/src/drivers/libvirt/domain-xml.js';
import { type DomainReading, readDomain } from '../../server/src/drivers/libvirt/read-domain.js';
import { Affect, XmlFlag } from '../../server/src/wire/libvirt/constants.js';
import { realLibvirtdMissing } from './real-libvirtd.js';
import {
  type Backend,
  fakeBackend,
  mebibyte,
  realBackend,
  type VmWorld,
  vmId,
  VmWorld as World,
} from './vm-world.js';

const RUNNING = PowerState.RUNNING;
const ref = { name: domainNameOf(vmId), uuid: vmId, id: -1 };
const diskOf = (sizeGib = 1n) => ({
  source: { case: 'volume', value: { poolId: vmId, sizeGib } } as const,
});
const nicOf = () => ({ source: { case: 'port', value: { networkId: vmId } } as const });
const cloudInit = (userData: string) => ({ provisioning: { cloudInit: { userData } } });

async function domainId(world: VmWorld): Promise<number> {
  return (await world.aside((api) => api.lookupByUuid(vmId))).id;
}

async function reading(world: VmWorld, flags = 0): Promise<DomainReading> {
  return readDomain(await world.aside((api) => api.xmlDesc(ref, flags | XmlFlag.SECURE)));
}

const missing = realLibvirtdMissing();
const backends: [string, () => Promise<Backend>][] = [['in memory', () => fakeBackend()]];
if (missing === undefined) backends.push(['of this machine', realBackend]);
else test.skip(`libvirtd of this machine: ${missing}`, () => undefined);

/** A real hypervisor on a busy machine takes its time. */
jest.setTimeout(120_000);

describe.each(backends)('a virtual machine on the libvirtd %s', (_, start) => {
  let backend: Backend;
  let world: VmWorld;

  beforeAll(async () => {
    backend = await start();
  });
  afterAll(() => backend?.stop());
  beforeEach(() => {
    world = new World(backend);
  });
  afterEach(() => world.stop());

  test('is made and started, and then left alone', async () => {
    await world.addVolume('root');
    const portId = world.addPort('eth0');
    world.putVm({
      disks: { root: diskOf() },
      nics: { eth0: nicOf() },
      display: { vnc: { password: 'secret' } },
      ...cloudInit('#cloud-config\n{}\n'),
    });
    await world.settled();
    expect(world.status()).toMatchObject({
      powerState: RUNNING,
      accelerator: 'qemu',
      disks: { root: { device: 'vda' } },
      pendingChanges: [],
      nodeMessage: '',
    });
    expect(await world.reconcile()).toEqual([]);
    await world.restartAgent();
    expect(await world.reconcile()).toEqual([]);
    const live = await reading(world);
    expect(live.plan.nics.get('eth0')).toMatchObject({ portId, mtu: 1_400, model: 'virtio' });
    expect(live.plan.vnc).toEqual({ password: 'secret' });
    expect(keysOf(await world.driver.inventory())).toEqual([{ type: 'vm', id: vmId }]);
    expect(await world.driver.runningPortIds()).toEqual(new Set([portId]));
  });

  test('waits for its volumes and ports', async () => {
    world.putVm({ disks: { root: diskOf() }, nics: { eth0: nicOf() } });
    expect(await world.reconcile()).toEqual([]);
    expect(world.status().nodeGeneration).toBe(0n);
    expect(world.status().nodeMessage).toMatch(/disk root waits: .*; interface eth0 waits: /);
  });

  test.each(['RebootVirtualMachine', 'ResetVirtualMachine'])(
    'does a %s, once, whichever call fails, and none that was called off',
    async (method) => {
      world.putVm({});
      await world.settled();
      for (let at = 1; ; at += 1) {
        const id = `operation-${String(at).padStart(4, '0')}`;
        world.putOperation(id, { method, argumentsJson: '{"force":true}' });
        world.calls.length = 0;
        world.fault = { at, afterEffect: at % 2 === 0 };
        const failure = await world.reconcile().catch((error: Error) => error);
        if (failure instanceof Error) await world.restartAgent();
        const madeCalls = world.calls.length;
        world.fault = undefined;
        await world.reconcile();
        expect(await world.driver.operationDone(vmId)).toBe(id);
        expect(await world.reconcile()).toEqual([]);
        expect(world.status()).toMatchObject({ powerState: RUNNING, restartCount: 0 });
        if (madeCalls < at) break;
      }
      world.putOperation('operation-9999', { method, cancelRequested: true });
      expect(await world.reconcile()).toEqual([]);
    },
  );

  test('is saved with its memory and goes on from there, whichever call fails', async () => {
    const { SUSPENDED, STOPPED } = PowerState;
    for (let at = 1; ; at += 1) {
      let madeCalls = 0;
      for (const powerState of [RUNNING, SUSPENDED, RUNNING, SUSPENDED, STOPPED]) {
        world.putVm({ powerState });
        world.calls.length = 0;
        world.fault = { at, afterEffect: at % 2 === 0 };
        const failure = await world.settled().catch((error: Error) => error);
        if (failure instanceof Error) await world.restartAgent();
        madeCalls = Math.max(madeCalls, world.calls.length);
        world.fault = undefined;
        await world.settled();
        expect(world.status()).toMatchObject({ powerState, restartCount: 0 });
        expect(await world.reconcile()).toEqual([]);
        expect(await world.aside((api) => api.hasManagedSave(ref))).toBe(powerState === SUSPENDED);
      }
      if (madeCalls < at) break;
    }
  });

  test('is forced off when its guest ignores the removal', async () => {
    world.putVm({});
    await world.settled();
    await world.remove();
    expect(await world.aside((api) => api.listAllDomains())).toEqual([]);
    expect(keysOf(await world.driver.inventory())).toEqual([]);
  });

  test('is stopped, started, halted and resumed', async () => {
    world.putVm({ powerState: PowerState.STOPPED });
    await world.settled();
    expect(world.status().powerState).toBe(PowerState.STOPPED);
    world.putVm({ powerState: PowerState.PAUSED });
    await world.settled();
    expect(world.status().powerState).toBe(PowerState.PAUSED);
    world.putVm({ powerState: RUNNING });
    await world.settled();
    expect(world.status().powerState).toBe(RUNNING);
    world.putVm({ powerState: PowerState.PAUSED });
    await world.settled();
    expect(world.status().powerState).toBe(PowerState.PAUSED);
    world.putVm({ powerState: PowerState.STOPPED });
    await world.settled();
    expect(world.status()).toMatchObject({ powerState: PowerState.STOPPED, restartCount: 0 });
  });

  test('is started again when its guest dies or is destroyed behind our back', async () => {
    world.putVm({});
    await world.settled();
    await backend.kill(vmId);
    await world.until('restarted', ({ restartCount, powerState }) => {
      return restartCount === 1 && powerState === RUNNING;
    });
    await world.aside((api) => api.destroy(ref, 0));
    await world.until('restarted again', ({ restartCount, powerState }) => {
      return restartCount === 2 && powerState === RUNNING;
    });
  });

  test('stays off after a crash when its policy says so', async () => {
    world.putVm({ ha: { restart: RestartPolicy.NEVER } });
    await world.settled();
    await backend.kill(vmId);
    await world.until('crashed', ({ powerState }) => powerState === PowerState.CRASHED);
    expect(world.status().nodeMessage).toContain('ha.restart is never');
    expect(world.status().nodeGeneration).toBe(world.vm().generation);
  });

  test('is defined again when somebody undefined it, without touching its guest', async () => {
    world.putVm({});
    await world.settled();
    const id = await domainId(world);
    await world.aside((api) => api.undefine(ref, 0));
    expect((await world.reconcile()).map(({ kind }) => kind)).toEqual(['define']);
    expect(await world.aside((api) => api.isPersistent(ref))).toBe(true);
    expect(await domainId(world)).toBe(id);
    expect(world.status().restartCount).toBe(0);
  });

  test('gets back what somebody changed in its definition', async () => {
    world.putVm({});
    await world.settled();
    await world.aside((api) => api.setMemory(ref, 32_768n, Affect.CONFIG | 4));
    expect((await world.reconcile()).map(({ kind }) => kind)).toEqual(['define']);
    expect((await reading(world, XmlFlag.INACTIVE)).plan.memoryKib).toBe(65_536);
  });

  test('gets disks and interfaces while it runs, which keep their places', async () => {
    await world.addVolume('root');
    world.putVm({ disks: { root: diskOf() } });
    await world.settled();
    const id = await domainId(world);
    await world.addVolume('data');
    world.addPort('eth0');
    world.putVm({ disks: { root: diskOf(), data: diskOf() }, nics: { eth0: nicOf() } });
    await world.settled();
    const live = await reading(world);
    const config = await reading(world, XmlFlag.INACTIVE);
    expect(await domainId(world)).toBe(id);
    expect([...live.plan.disks.keys()].sort()).toEqual(['data', 'root']);
    expect([...config.plan.disks.keys()].sort()).toEqual(['data', 'root']);
    expect(live.plan.disks.get('data')?.target).toBe('vdb');
    expect(config.addresses.get('ua-disk-data')).toEqual(live.addresses.get('ua-disk-data'));
    expect(config.addresses.get('ua-nic-eth0')).toEqual(live.addresses.get('ua-nic-eth0'));
    expect(world.status().pendingChanges).toEqual([]);
    world.putVm({ disks: { root: diskOf() } });
    await world.reconcile();
    expect([...(await reading(world, XmlFlag.INACTIVE)).plan.disks.keys()]).toEqual(['root']);
  });

  test('grows a disk while it runs', async () => {
    const volumeId = await world.addVolume('root');
    world.putVm({ disks: { root: diskOf() } });
    await world.settled();
    await world.restartAgent();
    expect(await world.driver.isInUse(volumeId)).toBe(true);
    await world.driver.growOnline(volumeId, BigInt(2 * mebibyte));
    const info = await world.aside((api) => api.blockInfo(ref, 'vda'));
    expect(info.capacityBytes).toBe(BigInt(2 * mebibyte));
    await world.remove();
    expect(await world.driver.isAttached(volumeId)).toBe(false);
  });

  test('is restarted for a change that needs it, and keeps others for the next boot', async () => {
    world.putVm(cloudInit('#cloud-config\n{}\n'));
    await world.settled();
    const id = await domainId(world);
    world.putVm(cloudInit('#cloud-config\nhostname: other\n'));
    await world.settled();
    expect(world.status().pendingChanges).toEqual(['spec.provisioning.cloud_init']);
    expect(await domainId(world)).toBe(id);
    world.putVm({ ...cloudInit('#cloud-config\nhostname: other\n'), memory: { sizeMib: 96n } });
    await world.settled();
    expect(world.status()).toMatchObject({
      pendingChanges: [],
      powerState: RUNNING,
      restartCount: 0,
    });
    expect((await reading(world)).plan.memoryKib).toBe(98_304);
    expect(await domainId(world)).not.toBe(id);
    expect(await backend.files.seedPaths(vmId)).toHaveLength(1);
  });

  test('is taken down and away when nobody wants it', async () => {
    world.putVm({});
    await world.settled();
    await world.meanwhile(world.driver.removeStray(vmId));
    expect(await world.aside((api) => api.listAllDomains())).toEqual([]);
  });

  test('has a node that says what it is', async () => {
    const { cpu, memory, system } = await world.meanwhile(world.driver.nodeFacts());
    expect(cpu.total).toBeGreaterThan(0);
    expect(memory.totalMib).toBeGreaterThan(0n);
    expect(system).toMatchObject({ accelerator: 'qemu' });
    expect(system.hypervisor).toMatch(/^QEMU \d+\.\d+\.\d+$/);
  });
});
