/**
 * `make demo` and `make demo-down`: the quickstart on two real hosts (or on simulated ones), from an empty
 * machine to guests that talk to each other, with the time that each step took.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { labDown, labStatus } from '../server/src/lab/lab.js';
import { ControlPlane, freePort } from '../test/harness/control-plane.js';
import { emptyImage } from '../test/harness/empty-image.js';
import { execInGuest } from '../test/harness/hosts.js';
import { LabInstallation } from '../test/harness/lab-installation.js';
import { guestImage, quickstart, root } from '../test/harness/paths.js';
import { Terraform, type TerraformResult } from '../test/harness/terraform.js';

const dir = join(root, '.build/demo');
const stateFile = join(dir, 'demo.json');
const labName = 'lqxdemo';
const nodes = 2;

interface DemoState {
  readonly simulate: boolean;
  readonly pid: number;
  readonly profile: string;
  readonly image: string;
}

interface Machine {
  readonly id: string;
  readonly name: string;
  readonly status: { readonly node_id: string };
}

const startMs = Date.now();
let stepMs = startMs;

/** Prints what was done, with the time since the step before and in all. */
function step(text: string): void {
  const now = Date.now();
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`.padStart(7);
  process.stdout.write(`${seconds(now - stepMs)}  ${text}\n`);
  stepMs = now;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function up(simulate: boolean): Promise<void> {
  if (existsSync(stateFile)) {
    throw new Error('a demo is up already; `make demo-down` takes it down');
  }
  mkdirSync(dir, { recursive: true });
  const image = simulate ? emptyImage(join(dir, 'empty.qcow2')) : guestImage;
  const { profile, pid, installation } = simulate ? await simulated() : await onLab();
  const state: DemoState = { simulate, pid, profile, image };
  writeFileSync(stateFile, JSON.stringify(state));

  const terraform = terraformOf(state);
  terraform.use(quickstart);
  await terraform.init();
  step('terraform init');
  const applied = await terraform.apply();
  step(`terraform apply: ${summary(applied)}`);
  const addresses = (await terraform.outputs())['addresses'] as Record<string, string>;
  for (const [name, address] of Object.entries(addresses)) say(`           ${name}: ${address}`);
  if (installation !== undefined) await talk(installation, addresses);
  const plan = await terraform.plan();
  if (plan.code !== 0) throw new Error(`the plan is not empty:\n${plan.output}`);
  step('terraform plan -detailed-exitcode: 0, no drift');
  next(state);
}

/** A control plane with simulated hosts. */
async function simulated() {
  const controlPlane = new ControlPlane({
    dir: join(dir, 'server'),
    port: await freePort(),
    args: ['--simulate', String(nodes)],
  });
  await controlPlane.start();
  step(`the control plane is up, with ${nodes} simulated hosts`);
  return { profile: controlPlane.profile, pid: controlPlane.pid ?? 0, installation: undefined };
}

/** A control plane with a lab of real hosts. */
async function onLab() {
  const installation = await LabInstallation.up({ dir, name: labName, nodes, report: step });
  const { profile, pid } = installation.controlPlane;
  return { profile, pid: pid ?? 0, installation };
}

/** Lets guests on different hosts ping each other and open TCP connections. */
async function talk(
  installation: LabInstallation,
  addresses: Readonly<Record<string, string>>,
): Promise<void> {
  const machines = JSON.parse(await installation.command('get', 'vms', '-o', 'json')) as Machine[];
  const listed = JSON.parse(await installation.command('get', 'nodes', '-o', 'json')) as Machine[];
  const nameOf = new Map(listed.map((node) => [node.id, node.name]));
  const hosts = new Map(installation.status.nodes.map((node) => [node.name, node]));
  const used = new Set(machines.map((machine) => machine.status.node_id));
  step(`the guests' agents report their addresses; ${used.size} hosts are used`);
  if (used.size < nodes) throw new Error('the machines are not spread over both hosts');
  for (const from of machines) {
    const host = hosts.get(nameOf.get(from.status.node_id) ?? '');
    const to = machines.find((other) => other.status.node_id !== from.status.node_id);
    if (host === undefined || to === undefined) continue;
    const address = addresses[to.name];
    for (const [what, command] of [
      ['ping', `ping -c 2 -W 5 ${address}`],
      ['TCP', `wget -q -O - http://${address}/index.html`],
    ] as const) {
      const { code, output } = await execInGuest(host, from.id, command);
      if (code !== 0) throw new Error(`${what} from ${from.name} to ${to.name}: ${output}`);
      const heard = what === 'TCP' ? `: “${output.trim()}”` : '';
      step(`${what} ${from.name} (${host.name}) → ${to.name}${heard}`);
    }
  }
}

function next(state: DemoState): void {
  const profile = relative(root, state.profile);
  const command = 'node server/dist/limiquantix.mjs';
  say(`\nIt took ${((Date.now() - startMs) / 1000).toFixed(1)} s. Now try:`);
  say(`  export LIMIQUANTIX_PROFILE=$PWD/${profile}`);
  say(`  ${command} get vms`);
  say(`  ${command} describe vm web`);
  if (!state.simulate) {
    say(`  ${command} lab exec --dir .build/demo/lab node-1 -- virsh list`);
    say(`  ${command} lab crash --dir .build/demo/lab node-1`);
  }
  say('  make demo-down');
}

async function down(): Promise<void> {
  if (!existsSync(stateFile)) {
    if (existsSync(join(dir, 'lab'))) await labDown({ dir: join(dir, 'lab'), report: step });
    say('no demo is up');
    return;
  }
  const state = JSON.parse(readFileSync(stateFile, 'utf8')) as DemoState;
  const destroyed = await terraformOf(state).run('destroy', '-auto-approve', '-no-color');
  if (destroyed.code === 0) step(`terraform destroy: ${summary(destroyed)}`);
  else say(`terraform destroy failed; the lab is taken down all the same:\n${destroyed.output}`);
  stopServer(state.pid);
  step('the control plane is stopped');
  if (!state.simulate) await labDown({ dir: labStatus(join(dir, 'lab')).dir, report: step });
  rmSync(dir, { recursive: true });
  step('nothing is left');
}

function terraformOf(state: DemoState): Terraform {
  return new Terraform({
    dir: join(dir, 'terraform'),
    profile: state.profile,
    variables: { guest_image: state.image },
  });
}

/** Ends the control plane that `up` left running, if the process is still that one. */
function stopServer(pid: number): void {
  const commandLine = `/proc/${pid}/cmdline`;
  const isOurs = !existsSync(commandLine) || readFileSync(commandLine, 'utf8').includes(dir);
  try {
    if (isOurs) process.kill(pid, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function summary(result: TerraformResult): string {
  return /(?:Apply|Destroy) complete! Resources: (.*)\./.exec(result.output)?.[1] ?? 'done';
}

const [verb, ...flags] = process.argv.slice(2);
try {
  if (verb === 'down') await down();
  else await up(flags.includes('--simulate'));
} catch (error) {
  process.stderr.write(`\ndemo: ${error instanceof Error ? error.message : String(error)}\n`);
  say('`make demo-down` takes down what is up');
  process.exitCode = 1;
}
