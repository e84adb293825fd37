/**
 * N simulated virtual machines, as N resources and as one fleet, beside what Terraform itself takes
 * for N `terraform_data`: empty ones, and ones whose objects are as large as a machine's. Single
 * resources are measured with the state in a file and with the state elsewhere, which differ more
 * than anything else does.
 */
import { join } from 'node:path';
import { baseWith, machineBody } from '../harness/configuration.js';
import { ControlPlane, freePort } from '../harness/control-plane.js';
import { emptyImage } from '../harness/empty-image.js';
import { scratchDir } from '../harness/paths.js';
import { StateKeeper } from '../harness/state-keeper.js';
import { Terraform } from '../harness/terraform.js';
import { print } from './measure.js';
import { bareNodeMib, watchingProviders } from './provider-memory.js';

const vcpusOfNode = 128;
const nodesMin = 10;
/** Larger sizes are measured as one fleet alone. */
const singlesMax = Number(process.env['SINGLES_MAX'] ?? 5_000);
/** Larger sizes with a state elsewhere alone: it takes long to write one in a file so often. */
const localMax = Number(process.env['LOCAL_MAX'] ?? 1_000);

/** Measures and prints for each size of fleet. */
export async function benchFleet(sizes: readonly number[]): Promise<void> {
  const dir = scratchDir('bench');
  const nodes = Math.max(nodesMin, Math.ceil(Math.max(...sizes) / vcpusOfNode));
  const controlPlane = new ControlPlane({
    dir: join(dir, 'server'),
    port: await freePort(),
    args: ['--simulate', String(nodes)],
  });
  const states = new StateKeeper();
  await Promise.all([controlPlane.start(), states.start()]);
  try {
    const variables = { image: emptyImage(join(dir, 'empty.qcow2')) };
    for (const size of sizes) {
      const time = (name: string, configuration: string, backend = ''): Promise<Durations> => {
        const { profile } = controlPlane;
        const terraform = new Terraform({ dir: join(dir, `${name}-${size}`), profile, variables });
        return run(terraform, configuration + backend);
      };
      const remote = (name: string, configuration: string): Promise<Durations> =>
        time(name, configuration, states.backend(`${name}-${size}`));
      const empty = await time('data', emptyData(size));
      tell({ name: 'one_fleet', size }, await time('one-fleet', oneFleet(size)), empty);
      if (size > singlesMax) continue;
      if (size <= localMax) {
        tell({ name: 'same_size', size }, await time('same-size', sameSizeData(size)), empty);
        tell({ name: 'fleet', size }, await time('fleet', machines(size)), empty);
      }
      const emptyRemote = await remote('remote-data', emptyData(size));
      const large = await remote('remote-same-size', sameSizeData(size));
      tell({ name: 'remote_same_size', size }, large, emptyRemote);
      const { result, peakMib } = await watchingProviders(() =>
        remote('remote-fleet', machines(size)),
      );
      tell({ name: 'remote_fleet', size }, result, emptyRemote);
      const memory = { value: peakMib, unit: 'MiB', floor: bareNodeMib() };
      print({ name: `fleet_provider_memory_${size}`, ...memory });
    }
  } finally {
    await Promise.all([controlPlane.stop(), states.stop()]);
  }
}

/** Seconds. */
interface Durations {
  readonly apply: number;
  readonly refresh: number;
  readonly noop_plan: number;
  readonly destroy: number;
}

function tell(
  { name, size }: { readonly name: string; readonly size: number },
  durations: Durations,
  floors: Durations,
): void {
  for (const step of ['apply', 'refresh', 'noop_plan', 'destroy'] as const) {
    const [value, floor] = [durations[step], floors[step]];
    const curve = { name: `${name}_${step}`, at: size };
    print({ name: `${name}_${step}_${size}`, value, unit: 's', floor, curve });
  }
}

async function run(terraform: Terraform, configuration: string): Promise<Durations> {
  terraform.write('main.tf', configuration);
  await terraform.init();
  const apply = await terraform.apply();
  const refresh = await terraform.expect(0, 'refresh', '-no-color');
  const plan = await terraform.plan();
  if (plan.code !== 0) throw new Error(`the plan is not empty:\n${plan.output.slice(-4000)}`);
  const destroy = await terraform.destroy();
  const seconds = ({ durationMs }: { durationMs: number }): number => durationMs / 1000;
  return {
    apply: seconds(apply),
    refresh: seconds(refresh),
    noop_plan: seconds(plan),
    destroy: seconds(destroy),
  };
}

function emptyData(size: number): string {
  return `resource "terraform_data" "vm" {\n  count = ${size}\n  input = "vm-\${count.index}"\n}\n`;
}

/** Its output repeats its input, so half of a machine's values make an object of a machine's size. */
function sameSizeData(size: number): string {
  const nulls = Array.from({ length: 22 }, (_, i) => `    attribute_${i} = null`).join('\n');
  return `
resource "terraform_data" "vm" {
  count = ${size}
  input = {
    name  = "vm-\${count.index}"
    cpu   = { cores = 1, sockets = null, model = null, shares = null, dedicated = null }
    disks = { root = { volume = { pool_id = "01a21cf7", size_gib = 1, image_id = "01a21cf7" } } }
    nics  = { lan = { port = { network_id = "01a21cf7", mac_address = null } } }
${nulls}
  }
}
`;
}

function machines(size: number): string {
  return `${surroundings}
resource "limiquantix_vm" "vm" {
  count = ${size}
  name  = "vm-\${count.index}"
  ${machineBody({ memoryMib })}
}
`;
}

function oneFleet(size: number): string {
  return `${surroundings}
resource "limiquantix_vm_fleet" "vm" {
  name     = "fleet"
  replicas = ${size}
  vm = {
    ${machineBody({ memoryMib })}
  }
}
`;
}

const memoryMib = 64;
const surroundings = baseWith('10.64.0.0/16');
