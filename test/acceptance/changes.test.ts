/** What a change to a declared machine does, and what the plan says of it before. */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Volume } from '@limiquantix/proto/storage/v1/volume_pb.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { base, dataVolume, flat, machine } from '../harness/configuration.js';
import { SimulatedInstallation } from '../harness/simulated-installation.js';
import type { Terraform } from '../harness/terraform.js';

jest.setTimeout(180_000);

let installation: SimulatedInstallation;
let terraform: Terraform;

beforeAll(async () => {
  installation = await SimulatedInstallation.up(2);
  terraform = await installation.attachedTerraform(
    base + machine({ name: 'web' }) + machine({ name: 'db' }),
  );
  await terraform.apply();
});

afterAll(async () => {
  await installation?.down();
});

async function vm(name: string): Promise<VirtualMachine> {
  const list = await installation.list<VirtualMachine>('vm');
  const found = list.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no machine ${name}`);
  return found;
}

/** Plans a changed machine `web`, applies it, and expects an empty plan after it. */
async function change(options: Parameters<typeof machine>[0], extra = ''): Promise<string> {
  terraform.write('main.tf', base + extra + machine(options) + machine({ name: 'db' }));
  const plan = await terraform.plan();
  expect(plan.code).toBe(2);
  await terraform.apply();
  const again = await terraform.plan();
  expect(again.output).toContain('No changes');
  return plan.output;
}

/** The plan's changed attributes, without the heading that names the resource. */
function changedLines(plan: string): string[] {
  const lines = plan.split('\n').filter((line) => /^\s+[+~-] /.test(line));
  return lines.filter((line) => !/~ update in-place|~ resource "/.test(line));
}

test('an applied configuration plans no change', async () => {
  const plan = await terraform.plan();
  expect(plan.output).toContain('No changes');
  expect(plan.code).toBe(0);
});

test('a label changes in place and touches nothing else in the plan', async () => {
  const plan = await change({ name: 'web', attributes: 'labels = { tier = "front" }' });
  expect(plan).toContain('0 to add, 1 to change, 0 to destroy');
  expect(changedLines(plan).filter((line) => !/labels|"tier"/.test(line))).toEqual([]);
});

test('a description changes in place and touches nothing else in the plan', async () => {
  const attributes = 'labels = { tier = "front" }\n description = "the web server"';
  const plan = await change({ name: 'web', attributes });
  expect(changedLines(plan).filter((line) => !/description/.test(line))).toEqual([]);
});

test('a plan is refused where somebody changed the machine since, and made anew', async () => {
  const attributes = 'labels = { tier = "front" }\n description = "planned"';
  const web = machine({ name: 'web', attributes });
  terraform.write('main.tf', base + web + machine({ name: 'db' }));
  expect((await terraform.run('plan', '-no-color', '-out=late.tfplan')).code).toBe(0);
  const client = await installation.client();
  const changed = { ...(await vm('web')), labels: { tier: 'back' } };
  await client.update(contractTypes.get('vm'), changed as unknown as AnyResource, ['labels']);
  const late = await terraform.run('apply', '-no-color', 'late.tfplan');
  expect(late.code).toBe(1);
  expect(flat(late.output)).toContain('limiquantix_vm "web" was changed outside since the plan');
  const kept = { labels: { tier: 'back' }, description: 'the web server' };
  expect(await vm('web')).toMatchObject(kept);
  await terraform.apply();
  expect(await vm('web')).toMatchObject({ labels: { tier: 'front' }, description: 'planned' });
});

test('a larger disk grows in place, without a restart', async () => {
  const before = await vm('web');
  const plan = await change({ name: 'web', rootGib: 2 });
  expect(plan).toContain('0 to add, 1 to change, 0 to destroy');
  const after = await vm('web');
  expect(after.id).toBe(before.id);
  expect(after.status?.restartCount).toBe(before.status?.restartCount);
  const volumes = await installation.list<Volume>('volume');
  const root = volumes.find((volume) => volume.name === 'web-root');
  expect(root?.status?.sizeBytes).toBe(2n * 1024n ** 3n);
});

test('a disk never shrinks: the plan or the apply says so, and nothing is replaced', async () => {
  terraform.write('main.tf', base + machine({ name: 'web', rootGib: 1 }) + machine({ name: 'db' }));
  const result = await terraform.run('apply', '-auto-approve', '-no-color');
  expect(result.code).toBe(1);
  expect(flat(result.output)).toMatch(/can't shrink from 2 to 1 GiB/i);
  expect(result.output).not.toMatch(/must be replaced/);
});

test('a data disk is attached without a restart', async () => {
  const before = await vm('web');
  const data = dataVolume('data');
  const plan = await change({ name: 'web', rootGib: 2, disks: data.disk }, data.resource);
  expect(plan).toContain('1 to add, 1 to change, 0 to destroy');
  const after = await vm('web');
  expect(Object.keys(after.status?.disks ?? {}).sort()).toEqual(['data', 'root']);
  expect(after.status?.restartCount).toBe(before.status?.restartCount);
});

test('an immutable field says so and replaces the machine', async () => {
  const data = dataVolume('data');
  const web = machine({ name: 'web', rootGib: 2 });
  const network = 'network_id = limiquantix_network.lan.id';
  const moved = web.replace(network, `${network}\n        mac_address = "52:54:00:12:34:56"`);
  terraform.write('main.tf', base + data.resource + moved + machine({ name: 'db' }));
  const plan = await terraform.plan();
  expect(plan.output).toMatch(/limiquantix_vm\.web must be replaced/);
  expect(plan.output).toMatch(/mac_address .*# forces replacement/);
});

test('a machine is not planned into a project where what it refers to is not', async () => {
  const data = dataVolume('data');
  const attributes = 'project_id = "other"';
  const web = machine({ name: 'web', rootGib: 2, attributes });
  terraform.write('main.tf', base + data.resource + web + machine({ name: 'db' }));
  const plan = await terraform.plan();
  expect(plan.code).toBe(1);
  expect(plan.output.replaceAll(/\s+/g, ' ')).toMatch(
    /nics\["lan"\]\.port\.network_id: refers to network .* of project default; give one of project other/,
  );
});

test('removing one machine from the configuration removes exactly it', async () => {
  const keep = await vm('db');
  terraform.write('main.tf', base + machine({ name: 'db' }));
  const plan = await terraform.plan();
  expect(plan.output).toMatch(/0 to add, 0 to change, 2 to destroy/);
  await terraform.apply();
  expect((await vm('db')).id).toBe(keep.id);
  expect(await installation.resources()).toEqual({
    vm: ['db'],
    volume: ['db-root'],
    port: ['db-lan'],
    network: ['lan'],
    image: ['guest'],
    storage_pool: ['local'],
  });
});

test('destroy leaves nothing', async () => {
  await terraform.destroy();
  expect(await installation.resources()).toEqual({});
});
