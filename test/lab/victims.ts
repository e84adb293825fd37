/**
 * What the lab suites break while machines are made, and mend again: daemons, processes, hosts,
 * links and disks. Each is broken at a moment that the suite chooses, with the daemons' own
 * behaviour, never by a fake.
 */
import {
  type Link,
  labCrash,
  labCut,
  labDaemonKill,
  labDaemonStart,
  labHeal,
  labStart,
  links,
} from '../../server/src/lab/lab.js';
import { virsh } from '../harness/hosts.js';
import { until } from '../harness/wait.js';
import type { Fleet, Guest } from './fleet.js';

/** Something that is broken and mended; `node` is the host of the first machine. */
export interface Victim {
  readonly name: string;
  /** Before anything is made. */
  readonly prepare?: (fleet: Fleet) => Promise<void>;
  readonly break: (fleet: Fleet, node: string) => Promise<void>;
  /** Resolves when somebody has noticed; without it, nobody need have. */
  readonly noticed?: (fleet: Fleet, node: string) => Promise<unknown>;
  readonly mend: (fleet: Fleet, node: string) => Promise<void>;
  /** Once the machines run, with one of them. */
  readonly later?: (fleet: Fleet, guest: Guest) => Promise<void>;
  /** After everything is gone again. */
  readonly restore?: (fleet: Fleet) => Promise<void>;
}

const noticeDeadlineMs = 60_000;
/** Where the quickstart's pool is, on each host. */
const pools = '/var/lib/limiquantix/pools';
/** Less than the guest's image has. */
const leftMib = 4;
const poolMib = 1_200;

/** All of them. */
export const victims: readonly Victim[] = [
  oneAfterTheOther(
    {
      name: 'an agent is killed',
      break: ({ installation }, node) => installation.killAgent(node),
      mend: ({ installation }, node) => installation.startAgent(node),
    },
    {
      name: 'the control plane is killed',
      break: ({ installation }) => installation.controlPlane.kill(),
      mend: ({ installation }) => installation.controlPlane.start(),
    },
  ),
  oneAfterTheOther(
    daemons("OVN's northbound database is killed", () => [['central', 'northbound']]),
    daemons('libvirtd of a host is killed', (node) => [[node, 'libvirtd']]),
  ),
  daemons("a host's switch database, its OVN controller and the southbound are killed", (node) => [
    ['central', 'southbound'],
    [node, 'ovsdb-server'],
    [node, 'ovn-controller'],
  ]),
  {
    name: 'a host loses power',
    break: ({ installation }, node) => labCrash({ dir: installation.labDir, node }),
    mend: ({ installation }, node) => labStart({ dir: installation.labDir, node }),
  },
  {
    name: 'a host is cut off from the control plane and from OVN',
    break: (fleet, node) => onLinks(fleet, node, labCut),
    noticed: ({ installation }, node) =>
      until('the doctor misses the host', noticeDeadlineMs, async () => {
        const { code, stdout } = await installation.doctor();
        const isMissed = new RegExp(`^unreachable +${node} `, 'm').test(stdout);
        return code === 9 && isMissed ? true : undefined;
      }),
    mend: (fleet, node) => onLinks(fleet, node, labHeal),
  },
  {
    name: 'the disks of all hosts are full',
    async prepare(fleet) {
      const filler = `${pools}/filler`;
      for (const { name } of fleet.installation.status.nodes) {
        await fleet.onHost(
          name,
          `mkdir -p ${pools} && mount -t tmpfs -o size=${poolMib}m tmpfs ${pools} && ` +
            `fallocate -l ${poolMib - leftMib}M ${filler}`,
        );
      }
    },
    // They were full before it began.
    break: async () => undefined,
    noticed: ({ installation }) =>
      until('an image says that it has no room', noticeDeadlineMs, async () => {
        const images = await installation.command('get', 'images', '-o', 'json');
        return /needs \d+ bytes and the pool has \d+/.test(images) ? true : undefined;
      }),
    async mend(fleet) {
      for (const { name } of fleet.installation.status.nodes) {
        await fleet.onHost(name, `rm -f ${pools}/filler`);
      }
    },
    /** A guest whose disk can't grow is halted, and goes on by itself once it can. */
    async later(fleet, guest) {
      const { id, host } = guest;
      await fleet.onHost(host.name, `dd if=/dev/zero of=${pools}/filler bs=1M || true`);
      const isHalted = async () => (await virsh(host, 'domstate', id)).trim() === 'paused';
      const write = () =>
        guest.run('dd if=/dev/zero of=/dev/vda bs=1M seek=900 count=64 conv=fsync');
      // What the guest writes by itself may halt it before it hears of this.
      const writing = write().then(
        () => 'written',
        async (cause: unknown) => {
          if (await isHalted()) return 'halted';
          throw cause;
        },
      );
      await Promise.race([
        writing.then((end) => {
          if (end === 'written') throw new Error('the guest wrote to a disk that is full');
        }),
        until('the guest is halted', noticeDeadlineMs, async () => (await isHalted()) || undefined),
      ]);
      await fleet.onHost(host.name, `rm ${pools}/filler`);
      await until('it goes on', noticeDeadlineMs, async () => !(await isHalted()) || undefined);
      if ((await writing) === 'halted') await write();
    },
    async restore(fleet) {
      for (const { name } of fleet.installation.status.nodes) {
        await fleet.onHost(name, `umount ${pools} && rmdir ${pools}`);
      }
    },
  },
];

async function onLinks({ installation }: Fleet, node: string, act: typeof labCut): Promise<void> {
  const { labDir: dir } = installation;
  await Promise.all(links.map((link: Link) => act({ dir, node, link })));
}

/** Two victims of one apply: each comes back at once, so that both are broken while it goes on. */
function oneAfterTheOther(first: Victim, second: Victim): Victim {
  return {
    name: `${first.name}, then ${second.name}`,
    async break(fleet, node) {
      await first.break(fleet, node);
      await first.mend(fleet, node);
      await second.break(fleet, node);
    },
    mend: second.mend,
  };
}

/** Daemons of a host or of OVN's central part, killed at once. */
function daemons(
  name: string,
  which: (node: string) => readonly (readonly [node: string, daemon: string])[],
): Victim {
  return {
    name,
    async break({ installation: { labDir: dir } }, node) {
      const kills = which(node).map(([where, daemon]) =>
        labDaemonKill({ dir, node: where, daemon }),
      );
      await Promise.all(kills);
    },
    async mend({ installation: { labDir: dir } }, node) {
      // One after the other: a switch needs its database.
      for (const [where, daemon] of which(node)) await labDaemonStart({ dir, node: where, daemon });
    },
  };
}
