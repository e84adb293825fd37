/**
 * A folder with a configuration, and the real terraform run in it with the provider as it was just
 * bundled.
 */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '..', '..', '..');
const runTimeoutMs = 120_000;

/** How a run of terraform ended. */
export interface TerraformRun {
  readonly code: number;
  /** Standard output and error together, without line wraps. */
  readonly text: string;
}

/** A workspace of terraform's. */
export interface Workspace {
  readonly folder: string;
  /** Replaces the configuration. */
  write(configuration: string): void;
  /** Runs terraform; the exit code is part of the answer. */
  run(...args: string[]): Promise<TerraformRun>;
  /** Runs terraform with a way to press Ctrl-C. */
  begin(...args: string[]): { readonly done: Promise<TerraformRun>; interrupt(): void };
  /** The attributes of a resource in the state. */
  attributes(address: string): Promise<Record<string, unknown>>;
  remove(): void;
}

/** Bundles the provider into a file that terraform can start; returns its folder. */
export function bundleProvider(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lqx-provider-'));
  const script = join(root, 'provider', 'dist', 'terraform-provider-limiquantix.js');
  execFileSync(join(root, 'node_modules', '.bin', 'tsx'), ['scripts/build.ts'], {
    cwd: join(root, 'provider'),
  });
  const target = join(folder, 'terraform-provider-limiquantix');
  writeFileSync(target, readFileSync(script, 'utf8').replace(/^#!.*/, `#!${process.execPath}`));
  chmodSync(target, 0o755);
  return folder;
}

/** Makes a workspace that uses a bundled provider. */
export function createWorkspace(
  providerFolder: string,
  environment: Readonly<Record<string, string>>,
): Workspace {
  const folder = mkdtempSync(join(tmpdir(), 'lqx-terraform-'));
  const cli = join(folder, 'cli.tfrc');
  writeFileSync(
    cli,
    `provider_installation {\n  dev_overrides { "limiquantix/limiquantix" = "${providerFolder}" }\n` +
      '  direct {}\n}\ndisable_checkpoint = true\n',
  );
  const home = join(folder, 'home');
  mkdirSync(home);
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    TF_CLI_CONFIG_FILE: cli,
    TF_IN_AUTOMATION: '1',
    CHECKPOINT_DISABLE: '1',
    ...environment,
  };
  const begin: Workspace['begin'] = (...args) => {
    let interrupt = (): void => undefined;
    const done = new Promise<TerraformRun>((resolve) => {
      const options = { cwd: folder, env, timeout: runTimeoutMs, maxBuffer: 64 * 1024 * 1024 };
      const [command = '', ...rest] = args;
      const all = [command, ...(command === 'state' ? [] : ['-no-color']), ...rest];
      const child = execFile('terraform', all, options, (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? 1);
        resolve({ code, text: `${stdout}\n${stderr}` });
      });
      interrupt = () => child.kill('SIGINT');
    });
    return { done, interrupt: () => interrupt() };
  };
  const run: Workspace['run'] = (...args) => begin(...args).done;
  return {
    folder,
    write: (configuration) => writeFileSync(join(folder, 'main.tf'), preamble + configuration),
    run,
    begin,
    async attributes(address) {
      const { text } = await run('show', '-json');
      const line = text.split('\n').find((candidate) => candidate.startsWith('{')) ?? '{}';
      const state = JSON.parse(line) as {
        values?: { root_module: { resources: { address: string; values: object }[] } };
      };
      const found = state.values?.root_module.resources.find((one) => one.address === address);
      return { ...found?.values };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const preamble = `
terraform {
  required_providers {
    limiquantix = { source = "limiquantix/limiquantix" }
  }
}
`;
