/** Guests of a simulated libvirtd that boot, answer through their agents, crash, and hang. */
import { PowerState } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { fakeBackend, vmId, VmWorld as World } from './vm-world.js';

const disk = { source: { case: 'volume', value: { poolId: vmId, sizeGib: 1n } } as const };
const nic = { source: { case: 'port', value: { networkId: vmId } } as const };

test('what the agent tells is reported under the names of the interfaces', async () => {
  let addresses: string[] = [];
  const world = new World(await fakeBackend({ guest: { addressesFor: () => addresses } }));
  world.addPort('lan');
  world.putVm({ nics: { lan: nic } });
  await world.settled();
  expect(world.status().guestInfo).toBeUndefined();
  await world.until('connected', ({ guestInfo }) => guestInfo?.agentConnected === true);
  expect(world.status().guestInfo).toMatchObject({
    hostname: 'guest',
    agentVersion: '7.2.0',
    os: 'Simulated guest 1',
    nics: { lan: { name: 'eth0', ipAddresses: [] } },
  });
  addresses = ['10.0.0.5'];
  await world.until(
    'addressed',
    ({ guestInfo }) => guestInfo?.nics['lan']?.ipAddresses[0] === '10.0.0.5',
    10_000,
  );
  await world.stop();
});

test('a guest that crashes at every start is started ever more seldom', async () => {
  const backend = await fakeBackend();
  const world = new World(backend);
  world.putVm({});
  await world.settled();
  const begunMs = world.nowMs();
  for (let count = 1; count <= 6; count += 1) {
    await backend.kill(vmId);
    await world.until('restarted', ({ restartCount }) => restartCount === count);
  }
  expect(world.nowMs() - begunMs).toBeGreaterThan(15_000);
  expect(world.nowMs() - begunMs).toBeLessThan(40_000);
  expect(world.status().powerState).toBe(PowerState.RUNNING);
  await world.stop();
});

test('kvm is used where it works, and not where it fails or hangs', async () => {
  for (const [kvm, expected] of [
    ['works', 'kvm'],
    ['fails', 'qemu'],
    ['hangs', 'qemu'],
  ] as const) {
    const world = new World(await fakeBackend({ kvm }));
    expect(await world.meanwhile(world.driver.accelerator())).toBe(expected);
    expect(await world.aside((api) => api.listAllDomains())).toEqual([]);
    await world.stop();
  }
});

test('devices for which no port is free wait for a boot', async () => {
  const world = new World(await fakeBackend());
  await world.addVolume('root');
  world.putVm({ disks: { root: disk } });
  await world.settled();
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const name of names) await world.addVolume(name);
  const disks = Object.fromEntries(names.map((name) => [name, disk]));
  world.putVm({ disks: { root: disk, ...disks } });
  await world.settled();
  expect(Object.keys(world.status().disks)).toHaveLength(5);
  expect(world.status().pendingChanges).toEqual(['spec.disks["e"]', 'spec.disks["f"]']);
  await world.aside((api) => api.destroy({ name: '', uuid: vmId, id: -1 }, 0));
  await world.settled();
  expect(Object.keys(world.status().disks)).toHaveLength(7);
  expect(world.status().pendingChanges).toEqual([]);
  await world.stop();
});

test('a disk that gives way to another is exchanged while the guest runs', async () => {
  const world = new World(await fakeBackend());
  await world.addVolume('data');
  world.putVm({ disks: { data: disk } });
  await world.settled();
  await world.until('connected', ({ guestInfo }) => guestInfo?.agentConnected === true);
  const other = await world.addVolume('other');
  world.putVm({ disks: { data: { source: { case: 'volumeId', value: other } } } });
  await world.settled();
  expect(world.status().disks['data']).toMatchObject({ volumeId: other });
  expect(world.status().restartCount).toBe(0);
  await world.stop();
});

test('the driver goes on after libvirtd was restarted', async () => {
  const backend = await fakeBackend();
  const world = new World(backend);
  world.putVm({});
  await world.settled();
  await world.until('connected', ({ guestInfo }) => guestInfo?.agentConnected === true);
  await backend.restart();
  for (let second = 0; second < 120; second += 1) {
    await backend.pass(1_000);
    await world.reconcile();
    expect(world.status().guestInfo?.agentConnected).toBe(true);
  }
  expect(world.status().powerState).toBe(PowerState.RUNNING);
  expect(world.status().restartCount).toBe(0);
  await world.stop();
});
