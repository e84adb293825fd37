/**
 * Bad input: each is refused with the field, what is wrong with it and what to do, and changes
 * nothing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { base, flat, machine } from '../harness/configuration.js';
import { SimulatedInstallation } from '../harness/simulated-installation.js';
import { Terraform } from '../harness/terraform.js';

jest.setTimeout(180_000);

let installation: SimulatedInstallation;
let terraform: Terraform;

beforeAll(async () => {
  installation = await SimulatedInstallation.up(2);
  terraform = await installation.attachedTerraform(
    base + machine({ name: 'ok', address: '10.20.0.10' }),
  );
  await terraform.apply();
});

afterAll(async () => {
  await installation?.down();
});

/** Applies the base with one more thing that is bad; returns what terraform said. */
async function refused(bad: string): Promise<string> {
  const before = await installation.resources();
  terraform.write('main.tf', base + machine({ name: 'ok', address: '10.20.0.10' }) + bad);
  const result = await terraform.run('apply', '-auto-approve', '-no-color');
  expect(result.code).toBe(1);
  expect(await installation.resources()).toEqual(before);
  return flat(result.output);
}

const nowhere = '01920000-0000-7000-8000-000000000000';

test.each<[string, string, RegExp]>([
  [
    'an unknown image',
    machine({ name: 'bad', imageId: `"${nowhere}"` }),
    new RegExp(`image "${nowhere}", which doesn't exist; give the id of one that does`),
  ],
  [
    'an address outside the subnet',
    machine({ name: 'bad', address: '10.99.0.1' }),
    /10\.99\.0\.1 is outside the network's subnet 10\.20\.0\.0\/24; give one from 10\.20\.0\.1 to 10\.20\.0\.254/,
  ],
  [
    'an address that is taken',
    machine({ name: 'bad', address: '10.20.0.10' }),
    /10\.20\.0\.10 is taken in network lan by port ok-lan/,
  ],
  [
    'more memory than any node has',
    machine({ name: 'bad', memoryMib: 16_000_000 }),
    /no node can ever take this machine: .* MiB of memory are missing \(asked 16000000, free \d+ of \d+\)/,
  ],
  [
    'a malformed CIDR',
    'resource "limiquantix_network" "bad" {\n name = "bad"\n ipv4 = { cidr = "10.0.0.7/24" }\n}\n',
    /must be an IPv4 subnet in CIDR notation with no host bits, such as 10\.0\.0\.0\/24/i,
  ],
  ['a name with capitals', machine({ name: 'Bad' }), /name.*(DNS label|match|lower)/i],
  [
    'a duplicate name',
    'resource "limiquantix_network" "bad" {\n name = "lan"\n ipv4 = { cidr = "10.5.0.0/24" }\n}\n',
    /network .*lan.* (exists|taken)/i,
  ],
])('refuses %s', async (_, bad, message) => {
  expect(await refused(bad)).toMatch(message);
});

test('refuses a disk that is smaller than its image', async () => {
  const { encodeEmptyQcow2 } = await import('../../server/src/wire/disk-image/qcow2-header.js');
  const large = join(installation.dir, 'large.qcow2');
  writeFileSync(large, encodeEmptyQcow2({ virtualBytes: 3 * 1024 ** 3 }));
  const image = `resource "limiquantix_image" "large" {\n name = "large"\n source = { upload = { file = "${large}" } }\n}\n`;
  const ok = base + machine({ name: 'ok', address: '10.20.0.10' });
  terraform.write('main.tf', ok + image);
  await terraform.apply();
  const bad = machine({ name: 'bad', imageId: 'limiquantix_image.large.id' });
  terraform.write('main.tf', ok + image + bad);
  const result = await terraform.run('apply', '-auto-approve', '-no-color');
  expect(flat(result.output)).toMatch(/1 GiB, less than image large needs; give 3 or more/);
  terraform.write('main.tf', ok);
  await terraform.apply();
});

test('refuses a wrong checksum of a file in the plan, before anything is uploaded', async () => {
  const sha256 = '0'.repeat(64);
  const bad = `resource "limiquantix_image" "bad" {\n name = "bad"\n source = { upload = { file = var.image, sha256 = "${sha256}" } }\n}\n`;
  expect(await refused(bad)).toMatch(/sha256/i);
});

test('refuses to delete a network that has ports, and names them', async () => {
  await expect(installation.command('delete', 'network', 'lan')).rejects.toThrow(
    /in use by vm "ok"; remove those first/,
  );
});

describe('credentials', () => {
  interface ProfileFile {
    endpoint: string;
    ca_certificate: string;
    token: string;
  }

  async function planWith(change: (profile: ProfileFile) => ProfileFile): Promise<string> {
    const profile = JSON.parse(
      readFileSync(installation.controlPlane.profile, 'utf8'),
    ) as ProfileFile;
    const path = join(installation.dir, 'other-profile.json');
    writeFileSync(path, JSON.stringify(change(profile)));
    const dir = join(installation.dir, `credentials-${Math.floor(performance.now())}`);
    const other = new Terraform({ dir, profile: path, variables: { image: installation.image } });
    other.write('main.tf', base);
    await other.init();
    const result = await other.run('plan', '-no-color');
    expect(result.code).toBe(1);
    return flat(result.output);
  }

  test('a wrong token', async () => {
    const said = await planWith((profile) => ({
      ...profile,
      token: `${profile.token.slice(0, -4)}aaaa`,
    }));
    expect(said).toMatch(/token/i);
    expect(said).toMatch(/unknown|wrong|revoked|not valid/i);
  });

  test('an expired token', async () => {
    const made = await installation.command('token', 'create', 'short', '--expires', '1s');
    const token = /lqx_\S+/.exec(made)?.[0] ?? '';
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const said = await planWith((profile) => ({ ...profile, token }));
    expect(said).toMatch(/token.*expired/i);
  });

  test('a wrong CA', async () => {
    const other = await SimulatedInstallation.up(1);
    const wrong = JSON.parse(readFileSync(other.controlPlane.profile, 'utf8')) as ProfileFile;
    await other.down();
    const said = await planWith((profile) => ({
      ...profile,
      ca_certificate: wrong.ca_certificate,
    }));
    expect(said).toMatch(/CA/);
  });

  test('no control plane there', async () => {
    const said = await planWith((profile) => ({ ...profile, endpoint: 'https://127.0.0.1:1' }));
    expect(said).toMatch(/127\.0\.0\.1:1/);
    expect(said).toMatch(/refused/i);
  });
});
