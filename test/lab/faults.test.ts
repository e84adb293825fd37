/**
 * Something is killed, cut off or full while terraform makes the quickstart's machines on three
 * real hosts. Mended, the next apply completes, everything is there exactly once and the doctor
 * finds nothing; destroyed, nothing is left.
 */
import { nothing } from '../harness/hosts.js';
import type { Terraform } from '../harness/terraform.js';
import { until } from '../harness/wait.js';
import { Fleet, figure, Guest, missingForFleet } from './fleet.js';
import { type Victim, victims } from './victims.js';

const missing = missingForFleet();
if (missing !== undefined) process.stderr.write(`lab suite skipped: ${missing}\n`);
const onLab = missing === undefined ? describe : describe.skip;
jest.setTimeout(600_000);

const hosts = 3;
const firstMachineDeadlineMs = 120_000;

onLab('while terraform applies', () => {
  let fleet: Fleet;
  let terraform: Terraform;
  let isClean = true;
  let restore: Victim['restore'];

  beforeAll(async () => {
    fleet = await Fleet.up('f', hosts);
    terraform = await fleet.attachedTerraform();
  });

  beforeEach(() => {
    isClean = false;
  });

  afterEach(async () => {
    // The next victim starts from nothing, whatever this one came to.
    if (!isClean) await terraform.run('destroy', '-auto-approve', '-no-color');
    await restore?.(fleet);
    restore = undefined;
  });

  afterAll(async () => {
    await fleet?.down();
  });

  test.each(victims)('$name: the next apply completes, nothing is there twice', async (victim) => {
    restore = victim.restore;
    await victim.prepare?.(fleet);
    await breakWhileApplying(fleet, terraform, victim);
    const again = await terraform.apply();
    if (!again.output.includes('No changes')) {
      const plan = await terraform.plan();
      expect(plan.output).toContain('No changes');
    }

    await fleet.untilWell();
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

    const { addresses } = (await terraform.outputs()) as { addresses: Record<string, string> };
    for (const machine of machines) {
      const guest = new Guest(machine.id, await fleet.hostOf(machine));
      expect(await guest.addresses()).toEqual([addresses[machine.name]]);
    }
    const [first] = machines;
    if (first !== undefined && victim.later !== undefined) {
      await victim.later(fleet, new Guest(first.id, await fleet.hostOf(first)));
    }
    await terraform.destroy();
    await fleet.untilWell();
    expect(await fleet.inventory()).toEqual(nothing);
    isClean = true;
  });
});

/** Breaks the victim once a machine has a host, and mends it while terraform goes on. */
async function breakWhileApplying(fleet: Fleet, terraform: Terraform, victim: Victim) {
  const applying = terraform.begin('apply', '-auto-approve', '-no-color');
  const first = await until('a machine has a host', firstMachineDeadlineMs, async () =>
    (await fleet.machines()).find(({ status }) => (status?.node_id ?? '') !== ''),
  );
  const { name: node } = await fleet.hostOf(first);
  await victim.break(fleet, node);
  try {
    await victim.noticed?.(fleet, node);
  } finally {
    await victim.mend(fleet, node);
    const { code, durationMs, output } = await applying.done;
    figure(`${victim.name}: the apply ended with ${code} after`, durationMs);
    if (code !== 0) process.stderr.write(output.slice(output.indexOf('Error:')));
  }
}
