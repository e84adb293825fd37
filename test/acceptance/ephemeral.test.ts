/**
 * Ephemeral resources in the real terraform: an API token that works during a run, is revoked at its
 * end, also of a run that was interrupted, and is nowhere in what the run leaves behind.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { TokenService } from '@limiquantix/proto/identity/v1/token_service_pb.js';
import { findProfile } from '../../server/src/bin/profile.js';
import { createTransport } from '../../server/src/bin/resource-client.js';
import { filesOf, unzip } from '../harness/left-behind.js';
import { scratchDir } from '../harness/paths.js';
import { SimulatedInstallation } from '../harness/simulated-installation.js';
import type { Terraform } from '../harness/terraform.js';
import { until } from '../harness/wait.js';

jest.setTimeout(180_000);

let installation: SimulatedInstallation;
let terraform: Terraform;
/** What configurations write down on purpose: outside of what is searched. */
const notes = scratchDir('ephemeral-notes');
beforeAll(async () => {
  installation = await SimulatedInstallation.up(1);
  // Terraform starts the provider itself: also its end is tried, and what it writes to logs.
  terraform = await installation.terraform(configuration(join(notes, 'token'), 'true'));
});
afterAll(async () => {
  await installation.down();
  rmSync(installation.dir, { recursive: true });
  rmSync(notes, { recursive: true });
});

const configuration = (note: string, then: string): string => `
terraform {
  required_providers { limiquantix = { source = "limiquantix/limiquantix" } }
}
ephemeral "limiquantix_api_token" "run" {
  expires_in_seconds = 300
}
provider "limiquantix" {
  alias = "short"
  token = ephemeral.limiquantix_api_token.run.token
}
resource "limiquantix_project" "sandbox" {
  provider = limiquantix.short
  name     = "sandbox"
}
resource "terraform_data" "note" {
  depends_on = [limiquantix_project.sandbox]
  provisioner "local-exec" {
    command     = "printf %s \\"$TOKEN\\" > ${note}; ${then}"
    environment = { TOKEN = ephemeral.limiquantix_api_token.run.token }
  }
}
`;

/** What any API token looks like. */
const tokenPattern = /lqx_[0-9a-f]{16}_[0-9a-f]{64}/;

async function tokens() {
  const profile = await findProfile({ profile: installation.controlPlane.profile }, {});
  return createClient(TokenService, createTransport(profile));
}

/** The short-lived tokens that there are. */
async function shortLived(): Promise<string[]> {
  const { tokens: all } = await (await tokens()).listTokens({});
  return all.filter(({ expiresAt }) => expiresAt !== undefined).map(({ id }) => id);
}

test('a token works during a run, is revoked then, and is in nothing that is left', async () => {
  const note = join(notes, 'token');
  const log = join(terraform.dir, 'terraform.log');
  terraform.setEnvironment({ TF_LOG: 'TRACE', TF_LOG_PATH: log });
  const outputs = [
    await terraform.plan('-out=saved.tfplan'),
    await terraform.run('show', '-json', 'saved.tfplan'),
    await terraform.apply('saved.tfplan'),
    await terraform.run('show', '-json'),
    await terraform.plan(),
  ];
  const token = readFileSync(note, 'utf8');
  expect(token).toMatch(tokenPattern);
  expect(await shortLived()).toEqual([]);
  const [project] = await installation.list<{ name: string }>('project');
  expect(project?.name).toBeDefined();
  const plan = unzip(readFileSync(join(terraform.dir, 'saved.tfplan')));
  const left = [
    ...outputs.map(({ output }, i) => ({ name: `output ${i}`, text: output })),
    ...filesOf(terraform.dir),
    ...[...plan].map(([name, bytes]) => ({ name: `plan/${name}`, text: bytes.toString('latin1') })),
    { name: 'server.log', text: readFileSync(installation.controlPlane.log, 'utf8') },
  ];
  expect(left.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['terraform.tfstate', 'plan/tfplan', 'plan/tfstate', 'terraform.log']),
  );
  expect(left.filter(({ text }) => tokenPattern.test(text)).map(({ name }) => name)).toEqual([]);
  expect(readFileSync(log, 'utf8')).toMatch(/OpenEphemeralResource/);
  await terraform.destroy();
});

test('a token is revoked at the end of a run that was interrupted', async () => {
  const note = join(notes, 'interrupted');
  terraform.write('main.tf', configuration(note, 'sleep 30'));
  const { done, kill } = terraform.begin('apply', '-auto-approve', '-no-color');
  await until('the token is noted', 60_000, async () => (await noted(note)) || undefined);
  expect(await shortLived()).toHaveLength(1);
  kill('SIGINT');
  expect((await done).code).not.toBe(0);
  expect(await shortLived()).toEqual([]);
});

async function noted(file: string): Promise<boolean> {
  try {
    return tokenPattern.test(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
