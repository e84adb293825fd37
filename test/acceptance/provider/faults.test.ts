/**
 * Broken connections, interruptions and races: nothing is lost and nothing is left over unseen.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { until } from '../../harness/wait.js';
import { providerSuite } from './suite.js';

const suite = providerSuite();

const network =
  'resource "limiquantix_network" "lan" {\n  name = "lan"\n  ipv4 = { cidr = "10.0.0.0/24" }\n}\n';
const image =
  'resource "limiquantix_image" "os" {\n  name = "os"\n  source = { upload = { file = "os.raw" } }\n}\n';

/** Waits until the provider has begun to watch networks so many times. */
async function watched(times: number): Promise<void> {
  const begun = () => suite.api.calls.filter((name) => name === 'WatchVirtualNetworks').length;
  await until(`watched ${times} times`, 30_000, () => begun() >= times || undefined);
}

test('goes on waiting after the connection broke', async () => {
  const { api, workspace } = suite;
  api.store.fates.set('lan', { outcome: 'waiting', reason: 'Slow', message: 'wait' });
  workspace.write(network);
  const applying = workspace.run('apply', '-auto-approve');
  await watched(1);
  api.dropConnections();
  await watched(2);
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
  await watched(1);
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
  writeFileSync(join(suite.files, 'os.raw'), content);
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
  expect(workspace.attributes('limiquantix_image.os')).toMatchObject({
    source: { upload: { file: 'os.raw', size_bytes: content.length, sha256 } },
  });
});

test('an image whose upload fails is in the state, and made anew by the next apply', async () => {
  const { api, workspace } = suite;
  writeFileSync(join(suite.files, 'os.raw'), 'content');
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
  await watched(1);
  interrupt();
  const { text } = await done;
  expect(text).toContain('was not waited for');
  expect(workspace.addresses()).toContain('limiquantix_network.lan');
});

describe('a change of what is there', () => {
  const changed = network.replace('name = "lan"', 'name = "lan"\n  description = "planned"');
  const current = () => suite.api.store.all('network')[0];

  /** Applies a network and plans a change of it, to be applied later. */
  async function planned(): Promise<string> {
    const { workspace } = suite;
    workspace.write(network);
    expect(await workspace.run('apply', '-auto-approve')).toMatchObject({ code: 0 });
    workspace.write(changed);
    expect(await workspace.run('plan', '-out=late.tfplan')).toMatchObject({ code: 0 });
    return current()?.id ?? '';
  }

  test('is refused where somebody else changed it since the plan, and made by the next', async () => {
    const { api, workspace } = suite;
    const id = await planned();
    api.store.change('network', id, (one) => {
      one.description = 'of somebody else';
    });
    const late = await workspace.run('apply', 'late.tfplan');
    expect(late.code).toBe(1);
    expect(late.text).toContain('limiquantix_network "lan" was changed outside since the plan');
    expect(late.text).toContain('Run terraform plan again');
    expect(current()?.description).toBe('of somebody else');
    // Without a refresh, the state is still of what was there before.
    const blind = await workspace.run('apply', '-auto-approve', '-refresh=false');
    expect(blind.text).toContain('was changed outside since the plan');
    expect(api.calls.filter((name) => name === 'UpdateVirtualNetwork')).toHaveLength(2);
    const next = await workspace.run('apply', '-auto-approve');
    expect(next.text).toContain('1 changed');
    expect(current()?.description).toBe('planned');
  });

  test('is made where only the status changed since the plan, and again without a refresh', async () => {
    const { api, workspace } = suite;
    const id = await planned();
    const before = current()?.revision;
    api.store.settleNow('network', id);
    expect(current()?.revision).not.toBe(before);
    expect((await workspace.run('apply', 'late.tfplan')).text).toContain('1 changed');
    workspace.write(changed.replace('planned', 'once more'));
    const blind = await workspace.run('apply', '-auto-approve', '-refresh=false');
    expect(blind.text).toContain('1 changed');
    expect(current()?.description).toBe('once more');
  });

  test('is made once where its answer is lost', async () => {
    const { api, workspace } = suite;
    await planned();
    api.loseNextAnswer('Update');
    expect((await workspace.run('apply', 'late.tfplan')).text).toContain('1 changed');
    expect(api.calls.filter((name) => name === 'UpdateVirtualNetwork')).toHaveLength(2);
    expect(current()?.description).toBe('planned');
    expect(await workspace.run('plan', '-detailed-exitcode')).toMatchObject({ code: 0 });
  });
});
