/**
 * Broken connections, interruptions and races: nothing is lost and nothing is left over unseen.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { providerSuite } from './suite.js';

const suite = providerSuite();

const network =
  'resource "limiquantix_network" "lan" {\n  name = "lan"\n  ipv4 = { cidr = "10.0.0.0/24" }\n}\n';
const image =
  'resource "limiquantix_image" "os" {\n  name = "os"\n  source = { upload = { file = "os.raw" } }\n}\n';

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('it never came to that');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('goes on waiting after the connection broke', async () => {
  const { api, workspace } = suite;
  api.store.fates.set('lan', { outcome: 'waiting', reason: 'Slow', message: 'wait' });
  workspace.write(network);
  const applying = workspace.run('apply', '-auto-approve');
  await until(() => api.calls.includes('WatchVirtualNetworks'));
  api.dropConnections();
  await until(() => api.calls.filter((name) => name === 'WatchVirtualNetworks').length > 1);
  api.store.fates.delete('lan');
  const [{ id = '' } = {}] = api.store.all('network');
  api.store.settleNow('network', id);
  expect((await applying).text).toContain('Apply complete! Resources: 1 added');
});

test('lists again where the changes since then are gone', async () => {
  const { api, workspace } = suite;
  api.store.fates.set('lan', { outcome: 'waiting', reason: 'Slow', message: 'wait' });
  workspace.write(network);
  const applying = workspace.run('apply', '-auto-approve');
  await until(() => api.calls.includes('WatchVirtualNetworks'));
  api.store.fates.delete('lan');
  const [{ id = '' } = {}] = api.store.all('network');
  api.dropConnections();
  api.store.settleNow('network', id);
  api.store.compact();
  expect((await applying).text).toContain('Apply complete! Resources: 1 added');
  expect(api.calls).toContain('ListVirtualNetworks');
});

test('an upload goes on from where it broke off', async () => {
  const { api, workspace } = suite;
  const content = Buffer.alloc(7 * 1024 * 1024, 3);
  writeFileSync(join(workspace.folder, 'os.raw'), content);
  const offsets: number[] = [];
  let broken = false;
  api.store.onChunk = (offset) => {
    offsets.push(offset);
    if (offset > 0 && !broken) {
      broken = true;
      throw new ConnectError('the server restarts', Code.Unavailable);
    }
  };
  workspace.write(image);
  expect((await workspace.run('apply', '-auto-approve')).text).toContain('1 added');
  expect(offsets.filter((offset) => offset === 0)).toHaveLength(1);
  const sha256 = createHash('sha256').update(content).digest('hex');
  expect(await workspace.attributes('limiquantix_image.os')).toMatchObject({
    source: { upload: { file: 'os.raw', size_bytes: content.length, sha256 } },
  });
});

test('an image whose upload fails is in the state, and made anew by the next apply', async () => {
  const { api, workspace } = suite;
  writeFileSync(join(workspace.folder, 'os.raw'), 'content');
  api.store.onChunk = () => {
    throw new ConnectError('the disk is full', Code.ResourceExhausted);
  };
  workspace.write(image);
  const failed = await workspace.run('apply', '-auto-approve');
  expect(failed.text).toContain('The disk is full');
  api.store.onChunk = () => undefined;
  expect((await workspace.run('apply', '-auto-approve')).text).toContain(
    '1 added, 0 changed, 1 destroyed',
  );
  expect(api.store.all('image')).toHaveLength(1);
});

test('an interrupted apply ends at once and keeps what was created', async () => {
  const { api, workspace } = suite;
  api.store.fates.set('lan', { outcome: 'waiting', reason: 'Slow', message: 'wait' });
  workspace.write(network);
  const { done, interrupt } = workspace.begin('apply', '-auto-approve');
  await until(() => api.calls.includes('WatchVirtualNetworks'));
  interrupt();
  const { text } = await done;
  expect(text).toContain('was not waited for');
  expect((await workspace.run('state', 'list')).text).toContain('limiquantix_network.lan');
});

test('leaves no socket behind', async () => {
  const { workspace } = suite;
  const sockets = (): string[] => readdirSync(tmpdir()).filter((name) => /^lqx-.{6}$/.test(name));
  const before = sockets();
  workspace.write(network);
  await workspace.run('plan');
  const left = sockets().filter((name) => !before.includes(name));
  // Other suites' providers come and go meanwhile; what is left behind stays.
  await until(() => !left.some((name) => existsSync(join(tmpdir(), name))));
});
