/**
 * The quickstart in HCL and the one with constructs are the same fleet; `cdktf deploy` brings it up,
 * with the provider from a filesystem mirror as users have it, and `cdktf destroy` takes it down. On
 * simulated hosts; all commands but `deploy` attach to one provider.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { AttachedProvider } from '../harness/attached-provider.js';
import { ControlPlane, freePort } from '../harness/control-plane.js';
import { emptyImage } from '../harness/empty-image.js';
import { quickstart, root, scratchDir } from '../harness/paths.js';
import { makeMirror, Terraform } from '../harness/terraform.js';

const stackProgram = join(root, 'examples/stacks/quickstart/main.ts');
const outputBytesMax = 16 * 1024 * 1024;
const terraformTimeoutMs = 120_000;
const cdktfTimeoutMs = 180_000;
const dir = scratchDir('twins');
const image = join(dir, 'guest.qcow2');
let controlPlane: ControlPlane;
let provider: AttachedProvider;

beforeAll(async () => {
  emptyImage(image);
  const port = await freePort();
  controlPlane = new ControlPlane({ dir: join(dir, 'server'), port, args: ['--simulate', '2'] });
  await controlPlane.start();
  provider = await AttachedProvider.start({ LIMIQUANTIX_PROFILE: controlPlane.profile });
}, terraformTimeoutMs);

afterAll(async () => {
  await provider.stop();
  await controlPlane.stop();
  rmSync(dir, { recursive: true });
});

test(
  'both languages plan the same resources',
  async () => {
    const hcl = newTerraform('hcl');
    hcl.use(quickstart);
    const constructs = newTerraform('constructs');
    const text = await synthesize(join(dir, 'synthesis'));
    constructs.write('cdk.tf.json', text);
    const planned = await plannedResources(constructs);
    expect(Object.keys(planned)).toHaveLength(6);
    expect(planned).toEqual(await plannedResources(hcl));
  },
  terraformTimeoutMs,
);

test(
  'cdktf deploys the fleet, finds nothing to change, and destroys it',
  async () => {
    const cwd = join(dir, 'cdktf');
    mkdirSync(cwd);
    const app = `tsx ${stackProgram}`;
    writeFileSync(join(cwd, 'cdktf.json'), JSON.stringify({ language: 'typescript', app }));
    await cdktf(cwd, {}, 'deploy', '--auto-approve', '--outputs-file', 'outputs.json');
    const outputs = JSON.parse(readFileSync(join(cwd, 'outputs.json'), 'utf8'));
    expect(outputs.quickstart.addresses.web).toBe('10.20.0.10');
    expect(new Set(Object.values(outputs.quickstart.addresses)).size).toBe(3);
    // The program is as it was at `deploy`; to run it again takes longer than all else here.
    const again = (...args: string[]) => cdktf(cwd, provider.environment, ...args, '--skip-synth');
    expect(await again('diff')).toContain('No changes.');
    expect(await again('destroy', '--auto-approve')).toContain('Destroy complete!');
  },
  cdktfTimeoutMs * 2,
);

function newTerraform(name: string): Terraform {
  const variables = { guest_image: image };
  const { profile } = controlPlane;
  const { environment } = provider;
  return new Terraform({ dir: join(dir, name), profile, environment, variables });
}

/** The planned values by type and name; terms such as ids, which only apply knows, are left out. */
async function plannedResources(terraform: Terraform): Promise<Record<string, unknown>> {
  await terraform.init();
  await terraform.expect(0, 'plan', '-out', 'plan.bin', '-no-color');
  const { output } = await terraform.expect(0, 'show', '-json', 'plan.bin');
  const { resources } = (JSON.parse(output) as Plan).planned_values.root_module;
  return Object.fromEntries(
    resources.map(({ type, values }) => [`${type} ${values['name']}`, values]),
  );
}

interface Plan {
  readonly planned_values: {
    readonly root_module: {
      readonly resources: readonly {
        readonly type: string;
        readonly values: Readonly<Record<string, unknown>>;
      }[];
    };
  };
}

/** Runs the stack's program without cdktf's command line; returns what it wrote for Terraform. */
async function synthesize(cwd: string): Promise<string> {
  mkdirSync(cwd);
  const tsx = join(root, 'node_modules/.bin/tsx');
  await promisify(execFile)(tsx, [stackProgram], { cwd, env: environment() });
  return readFileSync(join(cwd, 'cdktf.out/stacks/quickstart/cdk.tf.json'), 'utf8');
}

/** Runs cdktf's command line; returns what it printed. Fails where cdktf fails. */
async function cdktf(
  cwd: string,
  more: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<string> {
  const rc = join(cwd, 'terraformrc');
  const mirror = makeMirror(join(cwd, 'mirror'));
  writeFileSync(rc, `provider_installation {\n  filesystem_mirror { path = "${mirror}" }\n}\n`);
  const { stdout, stderr } = await promisify(execFile)('cdktf', args, {
    cwd,
    env: { ...environment(), ...more, TF_CLI_CONFIG_FILE: rc },
    maxBuffer: outputBytesMax,
    timeout: cdktfTimeoutMs,
  });
  return stdout + stderr;
}

function environment(): Record<string, string> {
  return {
    PATH: [join(root, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter),
    HOME: dir,
    CI: '1',
    CHECKPOINT_DISABLE: '1',
    CDKTF_SKIP_PROVIDER_LOCK: 'true',
    LIMIQUANTIX_PROFILE: controlPlane.profile,
    GUEST_IMAGE: image,
  };
}
