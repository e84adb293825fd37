/**
 * The provider under the real terraform, against an in-memory control plane.
 */
import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { goodToken, type InMemoryApi, startInMemoryApi } from './in-memory-api.js';
import { bundleProvider, createWorkspace, type Workspace } from './terraform.js';

jest.setTimeout(180_000);

let provider: string;
let api: InMemoryApi;
let workspace: Workspace;

beforeAll(() => {
  provider = bundleProvider();
});
afterAll(() => rmSync(provider, { recursive: true, force: true }));

beforeEach(async () => {
  api = await startInMemoryApi();
  workspace = createWorkspace(provider, {
    LIMIQUANTIX_ENDPOINT: api.endpoint,
    LIMIQUANTIX_TOKEN: goodToken,
  });
});
afterEach(async () => {
  await api.close();
  workspace.remove();
});

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
  writeFileSync(join(workspace.folder, 'debian.raw'), content);
  return createHash('sha256').update(content).digest('hex');
}

test('applies a fleet, plans empty after it, and destroys it', async () => {
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
  const state = await workspace.run('state', 'pull');
  expect(state.text).not.toContain('geheim');
  const destroy = await workspace.run('destroy', '-auto-approve');
  expect(destroy.text).toContain('Destroy complete! Resources: 4 destroyed');
  expect(api.store.all('vm')).toEqual([]);
});
