/**
 * What a plan with real terraform says of limits beside those of nodes: a fleet over its project's
 * quota, a template that its fleets can't follow, and volumes that a pool has no room for.
 */
import { base, flat, template } from '../harness/configuration.js';
import { SimulatedInstallation } from '../harness/simulated-installation.js';

jest.setTimeout(240_000);

let installation: SimulatedInstallation;
beforeAll(async () => {
  installation = await SimulatedInstallation.up(2);
});
afterAll(() => installation.down());

const inTeam = 'project_id = limiquantix_project.team.name';
/** The base, in a project of its own. */
const team = `
resource "limiquantix_project" "team" {
  name  = "team"
  quota = { vms = 4, memory_mib = 1024 }
}
${base.replace(/(name += "(guest|lan)")/g, `$1\n  ${inTeam}`)}`;
const fleet = (replicas: number, memoryMib: number): string => `
${template({ name: 'worker', memoryMib, attributes: inTeam })}
resource "limiquantix_vm_fleet" "workers" {
  name        = "workers"
  ${inTeam}
  replicas    = ${replicas}
  template_id = limiquantix_vm_template.worker.id
}
`;

test('a fleet over its quota, and a template that brings it there, fail the plan', async () => {
  const terraform = await installation.attachedTerraform(team + fleet(3, 256));
  await terraform.apply();

  terraform.write('main.tf', team + fleet(5, 256));
  const scaled = await terraform.plan();
  expect(scaled.code).toBe(1);
  expect(flat(scaled.output)).toContain('"workers" is more than the quota allows');
  expect(flat(scaled.output)).toMatch(/team has 1 of 4 vms left, 2 are needed and 1 are missing/);
  expect(flat(scaled.output)).toContain('256 of 1024 memory_mib left, 512 are needed');
  expect(await installation.list('vm')).toHaveLength(3);

  terraform.write('main.tf', team + fleet(3, 512));
  const grown = await terraform.plan();
  expect(grown.code).toBe(1);
  expect(flat(grown.output)).toContain('256 of 1024 memory_mib left, 768 are needed');

  // Two of 512 MiB have room where three of 256 were.
  terraform.write('main.tf', team + fleet(2, 512));
  expect((await terraform.plan()).code).toBe(2);
  await terraform.apply();
  expect(await terraform.plan()).toMatchObject({ code: 0 });
  expect(await installation.list('vm')).toHaveLength(2);
  await terraform.destroy();
  expect(await installation.resources()).toEqual({});
});

const volumes = (count: number): string => `
resource "limiquantix_volume" "data" {
  count    = ${count}
  name     = "data-${'$'}{count.index}"
  pool_id  = limiquantix_storage_pool.local.id
  size_gib = 65536
}
`;

test('volumes that a pool has no room for together are an error of the plan', async () => {
  const terraform = await installation.attachedTerraform(base);
  await terraform.apply();
  // No disk of a machine that runs tests has room for this many of the largest volumes.
  terraform.write('main.tf', base + volumes(40));
  const refused = await terraform.plan();
  expect(refused.code).toBe(1);
  const told = flat(refused.output);
  expect(told).toContain('There is no room for limiquantix_volume "data-');
  expect(told).toMatch(/pool local has \d+ GiB left of \d+ GiB \(\d+ GiB times 4\), and 65536 GiB/);
  terraform.write('main.tf', base);
  await terraform.destroy();
});
