/**
 * A folder with a configuration, and the real terraform run in it with the built provider.
 */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttachedProvider } from '../../harness/attached-provider.js';
import { providerBundle } from '../../harness/paths.js';

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
  /** The state file's text. */
  state(): string;
  /** The addresses of the resources in the state. */
  addresses(): string[];
  /** The attributes of a resource in the state. */
  attributes(address: string): Record<string, unknown>;
  remove(): void;
}

/** How a workspace comes to its provider. */
export interface WorkspaceOptions {
  /** The process to attach to; without it, Terraform starts the built provider itself. */
  readonly provider?: AttachedProvider;
  /** Further environment variables, such as LIMIQUANTIX_ENDPOINT. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Makes a workspace that uses the built provider, without `terraform init`. */
export function createWorkspace({ provider, environment }: WorkspaceOptions): Workspace {
  const folder = mkdtempSync(join(tmpdir(), 'lqx-terraform-'));
  const cli = join(folder, 'cli.tfrc');
  const overrides = provider === undefined ? executableIn(join(folder, 'provider')) : '/nowhere';
  writeFileSync(
    cli,
    `provider_installation {\n  dev_overrides { "limiquantix/limiquantix" = "${overrides}" }\n` +
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
    ...provider?.environment,
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
  const state = (): string => readFileSync(join(folder, 'terraform.tfstate'), 'utf8');
  const resources = (): StateResource[] => (JSON.parse(state()) as State).resources;
  return {
    folder,
    write: (configuration) => writeFileSync(join(folder, 'main.tf'), preamble + configuration),
    run,
    begin,
    state,
    addresses: () => resources().map(addressOf),
    attributes: (address) => {
      const found = resources().find((one) => addressOf(one) === address);
      return { ...found?.instances[0]?.attributes };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What is read of a state file (version 4), of resources without count or for_each. */
interface State {
  readonly resources: StateResource[];
}

interface StateResource {
  readonly type: string;
  readonly name: string;
  readonly instances: readonly { readonly attributes: Record<string, unknown> }[];
}

const addressOf = ({ type, name }: StateResource): string => `${type}.${name}`;

/** Makes a folder with the built provider as a file that Terraform can start; returns it. */
function executableIn(folder: string): string {
  mkdirSync(folder);
  const target = join(folder, 'terraform-provider-limiquantix');
  const bundle = readFileSync(providerBundle, 'utf8');
  writeFileSync(target, bundle.replace(/^#!.*/, `#!${process.execPath}`));
  chmodSync(target, 0o755);
  return folder;
}

const preamble = `
terraform {
  required_providers {
    limiquantix = { source = "limiquantix/limiquantix" }
  }
}
`;
