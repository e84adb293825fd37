/**
 * Fleets through Terraform on simulated hosts: machines run after apply, scaling and a change of the
 * template each plan in one line, and a fleet that doesn't fit is an error with numbers.
 */
import { type VmFleet, VmFleetPhase } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { PowerState, type VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { base, flat, template } from '../harness/configuration.js';
import { SimulatedInstallation } from '../harness/simulated-installation.js';

jest.setTimeout(240_000);

let installation: SimulatedInstallation;
beforeAll(async () => {
  installation = await SimulatedInstallation.up(2);
});
afterAll(() => installation.down());

const fleet = (replicas: number, memoryMib: number): string => `
${template({ name: 'worker', memoryMib })}
resource "limiquantix_vm_fleet" "workers" {
  name        = "workers"
  replicas    = ${replicas}
  template_id = limiquantix_vm_template.worker.id
  rollout     = { max_unavailable = 2 }
}
data "limiquantix_vms" "workers" {
  labels     = { fleet = "workers" }
  depends_on = [limiquantix_vm_fleet.workers]
}
output "addresses" {
  value = { for vm in data.limiquantix_vms.workers.vms : vm.name => vm.status.nics["lan"].ip_addresses[0] }
}
`;

const machines = async (): Promise<VirtualMachine[]> => {
  const all = await installation.list<VirtualMachine>('vm');
  return all.sort((a, b) => (a.name < b.name ? -1 : 1));
};

const fleetAddress = 'limiquantix_vm_fleet.workers';

/** What a plan says of a resource. */
function blockOf(plan: string, address: string): string {
  const from = plan.indexOf(`# ${address} will be`);
  return plan.slice(from, plan.indexOf('\n    }\n', from));
}

/** The lines of it that begin a change of an attribute. */
const changedLines = (plan: string, address: string): string[] =>
  blockOf(plan, address)
    .split('\n')
    .filter((line) => /^ {6}[~+-] /.test(line));

test('a fleet follows its template, scales, and plans each of it in one line', async () => {
  const terraform = await installation.attachedTerraform(base + fleet(3, 256));
  await terraform.apply();
  expect(await terraform.plan()).toMatchObject({ code: 0 });
  const three = await machines();
  expect(three.map(({ name }) => name)).toEqual(['workers-0', 'workers-1', 'workers-2']);
  for (const { status } of three) expect(status?.powerState).toBe(PowerState.RUNNING);
  const addresses = three.map(({ name, status }) => [name, status?.nics['lan']?.ipAddresses[0]]);
  expect(terraform.outputs()).toEqual({ addresses: Object.fromEntries(addresses) });

  terraform.write('main.tf', base + fleet(5, 256));
  const scaling = await terraform.plan();
  const scalingLines = changedLines(scaling.output, fleetAddress);
  expect(scalingLines).toEqual([
    expect.stringMatching(/~ replicas +=? ?3 -> 5/),
    expect.stringMatching(/~ status +=/),
  ]);
  expect(blockOf(scaling.output, fleetAddress)).not.toContain('workers-0');
  await terraform.apply();
  expect(await machines()).toHaveLength(5);

  terraform.write('main.tf', base + fleet(5, 320));
  const changing = await terraform.plan();
  expect(flat(changing.output)).toContain('size_mib = 256 -> 320');
  // The fleet follows its template: the plan shows it, and the apply waits until it has.
  expect(changing.output).toContain('Plan: 0 to add, 2 to change, 0 to destroy');
  expect(changedLines(changing.output, fleetAddress)).toEqual([
    expect.stringMatching(/~ status +=/),
  ]);
  await terraform.apply();
  const [followed] = await installation.list<VmFleet>('vm_fleet');
  expect(followed?.status).toMatchObject({ phase: VmFleetPhase.READY, updatedReplicas: 5 });
  const sizes = (await machines()).map(({ spec }) => spec?.memory?.sizeMib);
  expect(sizes).toEqual([320n, 320n, 320n, 320n, 320n]);
  expect(await terraform.plan()).toMatchObject({ code: 0 });

  terraform.write('main.tf', base + fleet(200, 4096));
  const refused = await terraform.run('apply', '-auto-approve', '-no-color');
  expect(refused.code).toBe(1);
  expect(flat(refused.output)).toMatch(/find no room on 2 nodes: .*MiB of memory are missing/);
  expect(await machines()).toHaveLength(5);

  // A destroy plans the configuration first, so it has to be one that fits.
  terraform.write('main.tf', base + fleet(5, 320));
  await terraform.destroy();
  expect(await installation.resources()).toEqual({});
});
