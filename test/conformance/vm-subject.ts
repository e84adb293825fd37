/** The driver of machines as a subject of the drivers' suite: a machine with a disk, running. */
import { PowerState } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { domainNameOf } from '../../server/src/drivers/libvirt/domain-xml.js';
import { readDomain } from '../../server/src/drivers/libvirt/read-domain.js';
import { XmlFlag } from '../../server/src/wire/libvirt/constants.js';
import type { StartedBench, Subject } from './driver-suite.js';
import { type Backend, poolId, VmWorld, vmId } from './vm-world.js';

const spec = {
  powerState: PowerState.RUNNING,
  disks: { root: { source: { case: 'volume', value: { poolId, sizeGib: 1n } } as const } },
};
const ref = { name: domainNameOf(vmId), uuid: vmId, id: -1 };

/** Machines on a libvirtd. */
export async function machinesOn(starting: Promise<Backend>): Promise<StartedBench> {
  const backend = await starting;
  return {
    subject: () => machine(backend),
    stop: () => backend.stop(),
  };
}

async function machine(backend: Backend): Promise<Subject> {
  const world = new VmWorld(backend);
  await world.addVolume('root');
  world.putVm(spec);
  return {
    make: () => world.settled(),
    remove: () => world.remove(),
    async clear() {
      await world.aside((api) => api.destroy(ref, 0));
      await world.remove();
    },
    held: () => heldIn(world),
    changes: () => world.ownCalls,
    fail(fault) {
      world.fault = fault && {
        at: world.calls.length + fault.step,
        afterEffect: fault.when === 'after',
      };
    },
    restart: () => world.restartAgent(),
    rival: () => machine(backend),
    meddle: () =>
      world.aside(async (api) => {
        await api.destroy(ref, 0);
        await api.undefine(ref, 0);
      }),
    complaint() {
      const { nodeMessage, restartCount } = world.status();
      return nodeMessage || (restartCount > 0 ? 'it was started more than once' : '');
    },
    end: () => world.driver.close(),
  };
}

/** Every domain of the host, and what ours is like. */
function heldIn(world: VmWorld): Promise<unknown> {
  return world.aside(async (api) => {
    const domains = await api.listAllDomains();
    if (domains.length === 0) return undefined;
    const { plan } = readDomain(await api.xmlDesc(ref, XmlFlag.INACTIVE));
    return {
      names: domains.map(({ name }) => name),
      state: (await api.state(ref)).state,
      isPersistent: await api.isPersistent(ref),
      memoryKib: plan.memoryKib,
      disks: [...plan.disks.keys()],
    };
  });
}
