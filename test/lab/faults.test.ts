/**
 * Something is killed while terraform makes the quickstart's machines on real hosts. Started
 * again, the next apply completes, and everything is there exactly once; destroyed, nothing is
 * left.
 */
import { labCrash, labDaemonKill, labDaemonStart, labStart } from '../../server/src/lab/lab.js';
import { nothing } from '../harness/hosts.js';
import type { Terraform } from '../harness/terraform.js';
import { until } from '../harness/wait.js';
import { Fleet, figure, Guest, missingForFleet } from './fleet.js';

const missing = missingForFleet();
if (missing !== undefined) process.stderr.write(`lab suite skipped: ${missing}\n`);
const onLab = missing === undefined ? describe : describe.skip;
jest.setTimeout(600_000);

const firstMachineDeadlineMs = 120_000;

/** Something that is killed and started again; `node` is the host of the first machine. */
interface Victim {
  readonly name: string;
  readonly kill: (fleet: Fleet, node: string) => Promise<void>;
  readonly start: (fleet: Fleet, node: string) => Promise<void>;
}

const victims: readonly Victim[] = [
  {
    name: 'the control plane',
    kill: ({ installation }) => installation.controlPlane.kill(),
    start: ({ installation }) => installation.controlPlane.start(),
  },
  {
    name: 'an agent',
    kill: ({ installation }, node) => installation.killAgent(node),
    start: ({ installation }, node) => installation.startAgent(node),
  },
  daemon('libvirtd of a host', (node) => ({ node, daemon: 'libvirtd' })),
  daemon("OVN's northbound database", () => ({ node: 'central', daemon: 'northbound' })),
  {
    name: 'a host',
    kill: ({ installation }, node) => labCrash({ dir: installation.labDir, node }),
    start: ({ installation }, node) => labStart({ dir: installation.labDir, node }),
  },
];

onLab('killed while terraform applies', () => {
  let fleet: Fleet;
  let terraform: Terraform;
  let isClean = true;

  beforeAll(async () => {
    fleet = await Fleet.up('f');
    terraform = await fleet.terraform();
  });

  beforeEach(() => {
    isClean = false;
  });

  afterEach(async () => {
    // The next victim starts from nothing, whatever this one came to.
    if (!isClean) await terraform.run('destroy', '-auto-approve', '-no-color');
  });

  afterAll(async () => {
    await fleet?.down();
  });

  test.each(victims)('$name: the next apply completes, nothing is there twice', async (victim) => {
    await killWhileApplying(fleet, terraform, victim);
    const again = await terraform.apply();
    if (!again.output.includes('No changes')) {
      const plan = await terraform.plan();
      expect(plan.output).toContain('No changes');
    }

    const machines = await fleet.machines();
    const inventory = await fleet.inventory();
    expect(inventory).toEqual({
      domains: [expect.any(String), expect.any(String), expect.any(String)],
      switches: [expect.any(String)],
      ports: [expect.any(String), expect.any(String), expect.any(String)],
      dhcpOptions: 1,
      files: expect.any(Array),
      taps: [expect.any(String), expect.any(String), expect.any(String)],
    });
    const hosts = await Promise.all(machines.map((machine) => fleet.hostOf(machine)));
    const inUse = new Set(hosts.map(({ name }) => name));
    const of = (kind: string) => inventory.files.filter((file) => file.includes(`/${kind}/`));
    expect(of('volumes')).toHaveLength(machines.length);
    expect(of('images').map((file) => file.split('/')[0])).toEqual([...inUse].sort());
    expect(of('vms').filter((file) => file.endsWith('.iso'))).toHaveLength(machines.length);
    expect(of('vms').filter((file) => file.endsWith('.log'))).toHaveLength(machines.length);
    const marks = inventory.files.filter((file) => file.endsWith('/.limiquantix-pool'));
    expect(marks).toHaveLength(fleet.installation.status.nodes.length);
    expect(inventory.files).toHaveLength(3 * machines.length + inUse.size + marks.length);

    const { addresses } = terraform.outputs() as { addresses: Record<string, string> };
    for (const machine of machines) {
      const guest = new Guest(machine.id, await fleet.hostOf(machine));
      expect(await guest.addresses()).toEqual([addresses[machine.name]]);
    }
    await terraform.destroy();
    expect(await fleet.inventory()).toEqual(nothing);
    isClean = true;
  });
});

/** Kills the victim once a machine has a host, and starts it again while terraform goes on. */
async function killWhileApplying(fleet: Fleet, terraform: Terraform, victim: Victim) {
  const applying = terraform.begin('apply', '-auto-approve', '-no-color');
  const first = await until('a machine has a host', firstMachineDeadlineMs, async () =>
    (await fleet.machines()).find(({ status }) => (status?.node_id ?? '') !== ''),
  );
  const { name: node } = await fleet.hostOf(first);
  await victim.kill(fleet, node);
  try {
    await victim.start(fleet, node);
  } finally {
    const { code, durationMs, output } = await applying.done;
    figure(`apply in which ${victim.name} was killed ended with ${code} after`, durationMs);
    if (code !== 0) process.stderr.write(output.slice(output.indexOf('Error:')));
  }
}

/** A daemon of a host or of OVN's central part. */
function daemon(name: string, which: (node: string) => { node: string; daemon: string }): Victim {
  return {
    name,
    kill: ({ installation: { labDir: dir } }, node) => labDaemonKill({ dir, ...which(node) }),
    start: ({ installation: { labDir: dir } }, node) => labDaemonStart({ dir, ...which(node) }),
  };
}
