/**
 * The real terraform, with the provider from a filesystem mirror, in a working folder of its own.
 */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { providerBundle } from './paths.js';

const version = '0.1.0';
const address = 'registry.terraform.io/limiquantix/limiquantix';

/** What came of a terraform command. */
export interface TerraformResult {
  readonly code: number;
  /** Standard output and error, as they came. */
  readonly output: string;
  readonly durationMs: number;
}

/** How terraform is run. */
export interface TerraformOptions {
  /** An empty folder; holds configuration, state and the mirror. */
  readonly dir: string;
  /** The profile file of the control plane. */
  readonly profile: string;
  /** `TF_VAR_*` without the prefix. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Further environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Called with each piece of output as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** A working folder with its state. */
export class Terraform {
  readonly #options: TerraformOptions;
  readonly #env: Record<string, string>;

  constructor(options: TerraformOptions) {
    this.#options = options;
    const { dir, profile, variables = {}, environment = {} } = options;
    mkdirSync(dir, { recursive: true });
    const rc = join(dir, 'terraformrc');
    const mirror = makeMirror(join(dir, 'mirror'));
    writeFileSync(
      rc,
      `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`,
    );
    const vars = Object.entries(variables).map(([name, value]) => [`TF_VAR_${name}`, value]);
    this.#env = {
      PATH: process.env['PATH'] ?? '',
      HOME: dir,
      TF_CLI_CONFIG_FILE: rc,
      TF_IN_AUTOMATION: '1',
      CHECKPOINT_DISABLE: '1',
      LIMIQUANTIX_PROFILE: profile,
      ...Object.fromEntries(vars),
      ...environment,
    };
  }

  /** The working folder. */
  get dir(): string {
    return this.#options.dir;
  }

  /** Adds environment variables for the commands from now on. */
  setEnvironment(more: Readonly<Record<string, string>>): void {
    Object.assign(this.#env, more);
  }

  /** Copies a configuration folder's files in. */
  use(folder: string): void {
    cpSync(folder, this.#options.dir, {
      recursive: true,
      filter: (path) => !path.includes('.terraform'),
    });
  }

  /** Writes one configuration file. */
  write(name: string, text: string): void {
    writeFileSync(join(this.#options.dir, name), text);
  }

  async init(): Promise<TerraformResult> {
    return this.expect(0, 'init', '-no-color');
  }

  async apply(...args: string[]): Promise<TerraformResult> {
    return this.expect(0, 'apply', '-auto-approve', '-no-color', ...args);
  }

  async destroy(...args: string[]): Promise<TerraformResult> {
    return this.expect(0, 'destroy', '-auto-approve', '-no-color', ...args);
  }

  /** Plans; the code is 0 for no change, 2 for changes, 1 for an error. */
  async plan(...args: string[]): Promise<TerraformResult> {
    return this.run('plan', '-detailed-exitcode', '-no-color', ...args);
  }

  /** The outputs' values, by name, as they are in the state. */
  outputs(): Record<string, unknown> {
    const state = JSON.parse(readFileSync(join(this.dir, 'terraform.tfstate'), 'utf8')) as {
      outputs: Record<string, { value: unknown }>;
    };
    return Object.fromEntries(
      Object.entries(state.outputs).map(([name, { value }]) => [name, value]),
    );
  }

  /** Runs a command that must end with the code; the error has its output. */
  async expect(code: number, ...args: string[]): Promise<TerraformResult> {
    const result = await this.run(...args);
    if (result.code === code) return result;
    throw new Error(`terraform ${args.join(' ')} ended with ${result.code}:\n${result.output}`);
  }

  /** Runs any command. */
  async run(...args: string[]): Promise<TerraformResult> {
    return this.begin(...args).done;
  }

  /** Runs a command and lets the caller do something meanwhile. */
  begin(...args: string[]): {
    done: Promise<TerraformResult>;
    kill: (how: NodeJS.Signals) => void;
  } {
    const startMs = Date.now();
    const child = spawn('terraform', args, { cwd: this.#options.dir, env: this.#env });
    let output = '';
    const take = (data: Buffer): void => {
      output += data.toString();
      this.#options.onOutput?.(data.toString());
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const done = new Promise<TerraformResult>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        resolve({ code: code ?? -1, output, durationMs: Date.now() - startMs });
      });
    });
    return { done, kill: (how) => child.kill(how) };
  }
}

/** A mirror with the built provider, started by this very Node; made once for each build. */
export function makeMirror(dir: string): string {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const folder = join(dir, address, version, `${process.platform}_${arch}`);
  const file = join(folder, `terraform-provider-limiquantix_v${version}`);
  const fresh = existsSync(file) && statSync(file).mtimeMs >= statSync(providerBundle).mtimeMs;
  if (!fresh) {
    mkdirSync(folder, { recursive: true });
    const bundle = readFileSync(providerBundle, 'utf8').replace(/^#!.*\n/, '');
    writeFileSync(file, `#!${process.execPath}\n${bundle}`);
    // Beside a file without extension, this says what it is, whatever folder it lies below.
    writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}\n');
    chmodSync(file, 0o755);
  }
  return dir;
}
