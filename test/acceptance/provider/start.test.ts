/**
 * The provider as Terraform starts it, a process for each step of a command: this suite proves the
 * handshake over mutual TLS, settings from the environment, files that are found from Terraform's
 * working folder, the provider's end, and that nothing of it stays. Other suites of this folder
 * attach to one process. How it is found in a filesystem mirror: quickstart-twins.test.ts.
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freshProvider } from '../../harness/fresh-provider.js';
import { scratchDir } from '../../harness/paths.js';
import { until } from '../../harness/wait.js';
import { goodToken, type InMemoryApi, startInMemoryApi } from './in-memory-api.js';
import { createWorkspace, type Workspace } from './terraform.js';

jest.setTimeout(180_000);

/** Where the provider's sockets are, of this suite alone. */
const sockets = scratchDir('sockets');
let api: InMemoryApi;
let workspace: Workspace;

beforeAll(freshProvider);
afterAll(() => rmSync(sockets, { recursive: true }));
beforeEach(async () => {
  api = await startInMemoryApi({ tls: true });
  const environment = {
    LIMIQUANTIX_ENDPOINT: api.endpoint,
    LIMIQUANTIX_TOKEN: goodToken,
    LIMIQUANTIX_CA_CERTIFICATE: api.caCertificate ?? '',
    TMPDIR: sockets,
  };
  workspace = createWorkspace({ environment });
});
afterEach(async () => {
  await api.close();
  workspace.remove();
});

const network =
  'resource "limiquantix_network" "lan" {\n  name = "lan"\n  ipv4 = { cidr = "10.0.0.0/24" }\n}\n';
const image =
  'resource "limiquantix_image" "os" {\n  name = "os"\n  source = { upload = { file = "os.raw" } }\n}\n';

/** Waits until no process of the provider has its socket any more; fails where one stays. */
const expectNoSockets = () =>
  until('no socket is left', 30_000, () => readdirSync(sockets).length === 0 || undefined);

test('applies, plans empty after it and destroys, and leaves no socket behind', async () => {
  writeFileSync(join(workspace.folder, 'os.raw'), 'content');
  workspace.write(network + image);
  const applied = await workspace.run('apply', '-auto-approve');
  expect(applied.text).toContain('Apply complete! Resources: 2 added');
  expect(applied.text).toContain('Provider development overrides are in effect');
  expect(await workspace.run('plan', '-detailed-exitcode')).toMatchObject({ code: 0 });
  const destroyed = await workspace.run('destroy', '-auto-approve');
  expect(destroyed.text).toContain('Destroy complete! Resources: 2 destroyed');
  expect([...api.store.all('network'), ...api.store.all('image')]).toEqual([]);
  await expectNoSockets();
});

test('an interrupted apply ends at once, keeps what was created and leaves no socket', async () => {
  api.store.fates.set('lan', { outcome: 'waiting', reason: 'Slow', message: 'wait' });
  workspace.write(network);
  const { done, interrupt } = workspace.begin('apply', '-auto-approve');
  await until('the apply waits', 30_000, () => {
    return api.calls.includes('WatchVirtualNetworks') || undefined;
  });
  expect(readdirSync(sockets)).not.toEqual([]);
  interrupt();
  expect((await done).text).toContain('was not waited for');
  expect(workspace.addresses()).toContain('limiquantix_network.lan');
  await expectNoSockets();
});
