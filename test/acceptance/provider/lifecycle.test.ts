/**
 * The provider under the real terraform, which attaches to it, against an in-memory control plane.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { providerSuite } from './suite.js';

const suite = providerSuite();

const fleet = `
resource "limiquantix_storage_pool" "fast" {
  name      = "fast"
  directory = { path = "/var/lib/limiquantix/fast" }
}
resource "limiquantix_image" "debian" {
  name   = "debian"
  source = { upload = { file = "debian.raw" } }
}
resource "limiquantix_network" "lan" {
  name = "lan"
  ipv4 = { cidr = "10.0.0.0/24", reserved_addresses = [] }
}
resource "limiquantix_vm" "web" {
  name   = "web"
  labels = { app = "web" }
  cpu    = { cores = 2 }
  memory = { size_mib = 512 }
  disks = {
    root = { volume = { pool_id = limiquantix_storage_pool.fast.id, size_gib = 4, image_id = limiquantix_image.debian.id } }
  }
  nics = {
    lan  = { port = { network_id = limiquantix_network.lan.id, ip_addresses = ["10.0.0.77"] } }
    back = { port = { network_id = limiquantix_network.lan.id } }
  }
  wait_for = { guest_agent = false }
  display  = { vnc = { password_wo = "geheim", password_wo_version = 1 } }
}
output "fixed" { value = limiquantix_vm.web.status.nics["lan"].ip_addresses[0] }
output "given" { value = limiquantix_vm.web.status.nics["back"].ip_addresses[0] }
`;

function writeImage(content: Buffer): string {
  writeFileSync(join(suite.files, 'debian.raw'), content);
  return createHash('sha256').update(content).digest('hex');
}

test('applies a fleet, plans empty after it, and destroys it', async () => {
  const { api, workspace } = suite;
  const sha256 = writeImage(Buffer.alloc(5 * 1024 * 1024, 7));
  workspace.write(fleet);
  const plan = await workspace.run('plan');
  expect(plan.text).toContain(sha256);
  expect(plan.text).toMatch(/\+ fixed = "10\.0\.0\.77"/);
  expect(plan.text).toMatch(/\+ given = \(known after apply\)/);
  const apply = await workspace.run('apply', '-auto-approve');
  expect(apply.text).toContain('Apply complete! Resources: 4 added');
  const again = await workspace.run('plan', '-detailed-exitcode');
  expect(again).toMatchObject({ code: 0 });
  const [vm] = api.store.all('vm');
  expect(vm?.spec).toMatchObject({ display: { vnc: { password: 'geheim' } } });
  expect(workspace.state()).not.toContain('geheim');
  const destroy = await workspace.run('destroy', '-auto-approve');
  expect(destroy.text).toContain('Destroy complete! Resources: 4 destroyed');
  expect(api.store.all('vm')).toEqual([]);
});

const vm = (
  attributes: string,
  disks = 'root = { volume = { pool_id = local.pool, size_gib = 4 } }',
) => `
locals { pool = "01920000-0000-7000-8000-000000000001" }
resource "limiquantix_vm" "web" {
  name   = "web"
  cpu    = { cores = 2 }
  memory = { size_mib = 512 }
  disks  = { ${disks} }
  ${attributes}
}
`;

test('sends exactly what changed, and shows nothing else in the plan', async () => {
  const { api, workspace } = suite;
  workspace.write(vm('labels = {}\n description = ""\n protected = false'));
  await workspace.run('apply', '-auto-approve');
  expect(await workspace.run('plan', '-detailed-exitcode')).toMatchObject({ code: 0 });

  workspace.write(vm('labels = { tier = "front" }'));
  const apply = await workspace.run('apply', '-auto-approve');
  const changed = apply.text.split('\n').filter((line) => /^\s+[+~-] /.test(line));
  expect(changed.join()).toContain('tier');
  expect(changed.join()).not.toContain('status');
  expect(api.masks.at(-1)).toEqual(['labels']);

  workspace.write(
    vm(
      'labels = { tier = "front" }\n timeouts = { update = "5m" }',
      'root = { volume = { pool_id = local.pool, size_gib = 8 }, read_only = false }',
    ),
  );
  await workspace.run('apply', '-auto-approve');
  expect(api.masks.at(-1)).toEqual(['spec.disks']);
  expect(await workspace.run('plan', '-detailed-exitcode')).toMatchObject({ code: 0 });
  expect(api.masks).toHaveLength(2);
});

test('keeps known addresses in the plan of a change, and says what needs a restart', async () => {
  const { workspace } = suite;
  const nics = 'nics = { lan = { port = { network_id = local.pool } } }';
  const output = 'output "ip" { value = limiquantix_vm.web.status.nics["lan"].ip_addresses[0] }';
  workspace.write(vm(nics) + output);
  await workspace.run('apply', '-auto-approve');
  workspace.write(vm(`${nics}\n wait_for = { guest_agent = true }`) + output);
  const plan = await workspace.run('plan');
  expect(plan.text).not.toContain('Changes to Outputs');
  workspace.write(vm(nics).replace('cores = 2', 'cores = 4') + output);
  const restart = await workspace.run('plan');
  expect(restart.text).toContain('cpu.cores 2 → 4: restarts the virtual machine');
  expect(restart.text).toContain('1 to change');
});

test('replaces a resource for an immutable field only, and never for a disk that is added', async () => {
  const { workspace } = suite;
  workspace.write(vm(''));
  await workspace.run('apply', '-auto-approve');
  const data = 'data = { volume = { pool_id = local.pool, size_gib = 1 } }';
  workspace.write(vm('', `root = { volume = { pool_id = local.pool, size_gib = 4 } }, ${data}`));
  const grown = await workspace.run('plan');
  expect(grown.text).toContain('0 to add, 1 to change, 0 to destroy');
  workspace.write(vm('project_id = "other"'));
  const moved = await workspace.run('plan');
  expect(moved.text).toMatch(/project_id += "default" -> "other" # forces replacement/);
  const other = '"01920000-0000-7000-8000-000000000002"';
  workspace.write(vm('', `root = { volume = { pool_id = ${other}, size_gib = 4 } }`));
  const repooled = await workspace.run('plan');
  expect(repooled.text).toMatch(/pool_id +=.*# forces replacement/);
});

test('sends a secret again when its version changes', async () => {
  const { api, workspace } = suite;
  const display = (password: string, version: number) =>
    vm(`display = { vnc = { password_wo = "${password}", password_wo_version = ${version} } }`);
  workspace.write(display('eins', 1));
  await workspace.run('apply', '-auto-approve');
  workspace.write(display('zwei', 1));
  expect(await workspace.run('plan', '-detailed-exitcode')).toMatchObject({ code: 0 });
  workspace.write(display('zwei', 2));
  await workspace.run('apply', '-auto-approve');
  expect(api.masks).toEqual([['spec.display.vnc.password']]);
  expect(api.store.all('vm')[0]?.spec).toMatchObject({ display: { vnc: { password: 'zwei' } } });
});

test('imports by id and by name, and plans empty after it', async () => {
  const { api, workspace } = suite;
  workspace.write(vm('labels = { a = "b" }\n ha = { restart = "never" }'));
  await workspace.run('apply', '-auto-approve');
  const [{ id = '' } = {}] = api.store.all('vm');
  for (const text of [id, 'web', 'default/web']) {
    await workspace.run('state', 'rm', 'limiquantix_vm.web');
    const imported = await workspace.run('import', 'limiquantix_vm.web', text);
    expect(imported.text).toContain('Import successful');
    expect(await workspace.run('plan', '-detailed-exitcode')).toMatchObject({ code: 0 });
  }
  await workspace.run('state', 'rm', 'limiquantix_vm.web');
  const unknown = await workspace.run('import', 'limiquantix_vm.web', 'nobody');
  expect(unknown.text).toContain('There is no vm named "nobody"');
});

test('reads data sources by id, by name and by labels', async () => {
  const { api, workspace } = suite;
  workspace.write(vm('labels = { app = "web" }'));
  await workspace.run('apply', '-auto-approve');
  const [{ id = '' } = {}] = api.store.all('vm');
  workspace.write(`${vm('labels = { app = "web" }')}
data "limiquantix_vm" "by_id" { id = "${id}" }
data "limiquantix_vm" "by_name" { name = "web" }
data "limiquantix_vms" "all" { labels = { app = "web" } }
data "limiquantix_vms" "none" { labels = { app = "db" } }
output "cores" { value = [data.limiquantix_vm.by_id.cpu.cores, data.limiquantix_vm.by_name.cpu.cores] }
output "names" { value = data.limiquantix_vms.all.vms[*].name }
output "none" { value = length(data.limiquantix_vms.none.vms) }
`);
  const applied = await workspace.run('apply', '-auto-approve');
  expect(applied.text.replace(/\s+/g, ' ')).toContain(
    'cores = [ 2, 2, ] names = tolist([ "web", ]) none = 0 ',
  );
  workspace.write('data "limiquantix_vm" "x" { name = "nobody" }');
  expect((await workspace.run('plan')).text).toContain('There is no vm with the name "nobody"');
});

test('sees what others did: a status makes no diff, a spec does, and what is gone is made anew', async () => {
  const { api, workspace } = suite;
  workspace.write(vm(''));
  await workspace.run('apply', '-auto-approve');
  const [{ id = '' } = {}] = api.store.all('vm');
  api.store.change('vm', id, (resource) => {
    Object.assign(resource.status ?? {}, { nodeId: 'another', restartCount: 3 });
  });
  expect(await workspace.run('plan', '-detailed-exitcode')).toMatchObject({ code: 0 });
  api.store.change('vm', id, (resource) => {
    resource.labels['by'] = 'hand';
  });
  const drifted = await workspace.run('plan', '-detailed-exitcode');
  expect(drifted.code).toBe(2);
  expect(drifted.text).toMatch(/- "by" = "hand"/);
  api.store.discard('vm', id);
  expect((await workspace.run('plan')).text).toContain('1 to add, 0 to change, 0 to destroy');
});
