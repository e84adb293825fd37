/**
 * What users are told when something is wrong: in which line, what, and what to do.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type InMemoryApi, startInMemoryApi } from './in-memory-api.js';
import { providerBlock, providerSuite } from './suite.js';

const suite = providerSuite();

/** Terraform's text on one line, without the box that it draws around errors. */
function flat(text: string): string {
  return text.replace(/[│╷╵]/g, ' ').replace(/\s+/g, ' ');
}

const network = (attributes: string): string =>
  `resource "limiquantix_network" "lan" {\n  name = "lan"\n  ${attributes}\n}\n`;

const uuid = '01920000-0000-7000-8000-000000000001';

test.each<[string, string, RegExp]>([
  [
    'a CIDR with host bits, at its line',
    network('ipv4 = {\n    cidr = "10.0.0.7/24"\n  }'),
    /line 10.*cidr = "10\.0\.0\.7\/24".*must be an IPv4 subnet in CIDR notation.*got "10\.0\.0\.7\/24"/i,
  ],
  [
    'a name with capitals',
    network('ipv4 = { cidr = "10.0.0.0/24" }').replace('"lan"\n', '"Lan"\n'),
    /name = "Lan".*must begin with a lower-case letter.*got "Lan"/i,
  ],
  [
    'a disk with two sources, at the disk',
    `resource "limiquantix_vm" "web" {
  name   = "web"
  cpu    = { cores = 1 }
  memory = { size_mib = 512 }
  disks = {
    root = {
      volume_id = "${uuid}"
      volume    = { pool_id = "${uuid}", size_gib = 1 }
    }
  }
}`,
    /Needs exactly one of volume_id, volume; got volume_id and volume/,
  ],
  [
    'a word that is none of an enum',
    `resource "limiquantix_vm" "web" {
  name        = "web"
  power_state = "crashed"
  cpu         = { cores = 0.5 }
  memory      = { size_mib = 1 }
}`,
    /Must be one of "running", "stopped", "paused", "suspended"; got "crashed".*whole number; got 0\.5.*from 64 to 16777216; got 1\./s,
  ],
  [
    'a timeout that is no duration',
    network('ipv4 = { cidr = "10.0.0.0/24" }\n timeouts = { create = "soon" }'),
    /timeouts.*duration such as 90s, 30m or 1h30m; got "soon"/,
  ],
])('refuses %s before anything is sent', async (_, configuration, message) => {
  const { api, workspace } = suite;
  workspace.write(configuration);
  const validated = await workspace.run('validate');
  expect(validated.code).toBe(1);
  expect(flat(validated.text)).toMatch(message);
  expect(api.calls).toEqual([]);
});

test('points at the attribute that the control plane refuses', async () => {
  const { api, workspace } = suite;
  workspace.write(
    `resource "limiquantix_vm" "web" {
  name   = "web"
  cpu    = { cores = 1 }
  memory = { size_mib = 512 }
  disks = {
    root = { volume = { pool_id = "${uuid}", size_gib = 1 } }
    data = {
      volume = {
        pool_id  = "${uuid}"
        size_gib = 2
      }
    }
  }
}`,
  );
  api.refuseNext(
    'Create',
    'spec.disks["data"].volume.size_gib',
    '2 GiB are too few; give 3 or more',
  );
  const applied = await workspace.run('apply', '-auto-approve');
  expect(flat(applied.text)).toMatch(
    /Cannot create limiquantix_vm "web".*line 13.*data = \{ disks\["data"\]\.volume\.size_gib: 2 GiB are too few; give 3 or more\./,
  );
});

describe('a file to upload', () => {
  const image = (attributes: string): string =>
    `resource "limiquantix_image" "os" {\n  name = "os"\n  source = { upload = { ${attributes} } }\n}\n`;

  test('is missed in the plan', async () => {
    const { workspace } = suite;
    workspace.write(image('file = "nowhere.raw"'));
    expect(flat((await workspace.run('plan')).text)).toMatch(
      /Cannot read the file to upload.*the file "nowhere\.raw" can't be read: ENOENT/i,
    );
  });

  test('with another hash is refused in the plan', async () => {
    const { workspace } = suite;
    writeFileSync(join(suite.files, 'os.raw'), 'content');
    workspace.write(image(`file = "os.raw", sha256 = "${'0'.repeat(64)}"`));
    const planned = flat((await workspace.run('plan')).text);
    expect(planned).toMatch(/The file to upload is not the expected one.*has the sha256 ed7002b4/);
  });
});

test('a resource that fails is told with its reason and is replaced by the next plan', async () => {
  const { api, workspace } = suite;
  api.store.fates.set('lan', {
    outcome: 'failed',
    reason: 'NoSpace',
    message: 'no tunnel id is free',
  });
  workspace.write(network('ipv4 = { cidr = "10.0.0.0/24" }'));
  const applied = await workspace.run('apply', '-auto-approve');
  expect(applied.code).toBe(1);
  expect(flat(applied.text)).toMatch(
    /limiquantix_network "lan" failed.*NoSpace: no tunnel id is free\./,
  );
  expect((await workspace.run('plan')).text).toContain('is tainted, so must be replaced');
});

test('a resource that is not ready in time is told with the last reason', async () => {
  const { api, workspace } = suite;
  api.store.fates.set('lan', {
    outcome: 'waiting',
    reason: 'OvnDown',
    message: 'OVN does not answer',
  });
  workspace.write(network('ipv4 = { cidr = "10.0.0.0/24" }\n timeouts = { create = "1s" }'));
  const applied = flat((await workspace.run('apply', '-auto-approve')).text);
  expect(applied).toMatch(/limiquantix_network "lan" is not ready after 1s/);
  expect(applied).toMatch(/last reason was OvnDown: OVN does not answer.*raise timeouts\.create/);
});

test('a resource that exists is not taken over, and the message says how to import it', async () => {
  const { workspace } = suite;
  const node = 'resource "limiquantix_node" "a" {\n name = "alpha"\n}\n';
  workspace.write(node);
  await workspace.run('apply', '-auto-approve');
  await workspace.run('state', 'rm', 'limiquantix_node.a');
  const applied = await workspace.run('apply', '-auto-approve');
  expect(flat(applied.text)).toMatch(
    /A node named "alpha" exists.*terraform import <address> alpha/,
  );
});

test('a protected resource is not deleted', async () => {
  const { api, workspace } = suite;
  workspace.write(network('ipv4 = { cidr = "10.0.0.0/24" }\n protected = true'));
  await workspace.run('apply', '-auto-approve');
  const destroyed = await workspace.run('destroy', '-auto-approve');
  expect(flat(destroyed.text)).toMatch(/is protected: set protected = false/);
  expect(api.store.all('network')).toHaveLength(1);
});

describe('a control plane', () => {
  const plan = (configuration: string) => {
    const workspace = suite.unconfigured();
    workspace.write(configuration + network('ipv4 = { cidr = "10.0.0.0/24" }'));
    return workspace.run('plan');
  };
  const refusal = async (configuration: string): Promise<string> => {
    const { code, text } = await plan(configuration);
    expect(code).toBe(1);
    return flat(text);
  };

  test('that is not configured', async () => {
    const text = await refusal('');
    expect(text).toMatch(/No endpoint is configured.*LIMIQUANTIX_ENDPOINT.*profile\.json/);
  });

  test('that does not take the token', async () => {
    const text = await refusal(providerBlock(suite.api, 'wrong'));
    expect(text).toMatch(
      /does not accept the token \(the token is not known\).*limiquantix token create/,
    );
    expect(text).not.toContain('wrong');
  });

  test('that is not there', async () => {
    const text = await refusal(providerBlock({ endpoint: 'https://127.0.0.1:1' }));
    expect(text).toMatch(/connection to https:\/\/127\.0\.0\.1:1 was refused.*limiquantix server/);
  });

  test('whose CA is another', async () => {
    const [api, other] = await Promise.all([
      startInMemoryApi({ tls: true }),
      startInMemoryApi({ tls: true }),
    ]);
    const trusting = ({ caCertificate = '' }: InMemoryApi): string => {
      const block = providerBlock(api);
      return block.replace(/}\n$/, `ca_certificate = <<-PEM\n${caCertificate}PEM\n}\n`);
    };
    expect(await refusal(trusting(other))).toMatch(/was not signed by the configured CA/);
    expect(await plan(trusting(api))).toMatchObject({ code: 0 });
    await Promise.all([api.close(), other.close()]);
  });
});
