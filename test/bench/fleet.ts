/**
 * N simulated virtual machines, as N resources and as one fleet, beside what Terraform itself takes
 * for N `terraform_data`: empty ones, and ones whose objects are as large as a machine's.
 */
import { join } from 'node:path';
import { ControlPlane, freePort } from '../harness/control-plane.js';
import { emptyImage } from '../harness/empty-image.js';
import { scratchDir } from '../harness/paths.js';
import { Terraform } from '../harness/terraform.js';
import { print } from './measure.js';
import { bareNodeMib, watchingProviders } from './provider-memory.js';

/** Enough for 1,280 virtual processors. */
const simulatedNodes = 10;
/** Larger sizes are measured as one fleet alone: Terraform writes its state after each resource. */
const singlesMax = Number(process.env['SINGLES_MAX'] ?? 1_000);

/** Measures and prints for each size of fleet. */
export async function benchFleet(sizes: readonly number[]): Promise<void> {
  const dir = scratchDir('bench');
  const controlPlane = new ControlPlane({
    dir: join(dir, 'server'),
    port: await freePort(),
    args: ['--simulate', String(simulatedNodes)],
  });
  await controlPlane.start();
  try {
    const image = emptyImage(join(dir, 'empty.qcow2'));
    for (const size of sizes) {
      const alone = (name: string, configuration: string): Promise<Durations> =>
        run(new Terraform({ dir: join(dir, `${name}-${size}`), profile: '' }), configuration);
      const ours = (name: string, configuration: string): Promise<Durations> => {
        const { profile } = controlPlane;
        const options = { dir: join(dir, `${name}-${size}`), profile, variables: { image } };
        return run(new Terraform(options), configuration);
      };
      const empty = await alone('data', emptyData(size));
      tell({ name: 'one_fleet', size }, await ours('one-fleet', oneFleet(size)), empty);
      if (size > singlesMax) continue;
      tell({ name: 'same_size', size }, await alone('same-size', sameSizeData(size)), empty);
      const { result, peakMib } = await watchingProviders(() => ours('fleet', machines(size)));
      tell({ name: 'fleet', size }, result, empty);
      const memory = { value: peakMib, unit: 'MiB', floor: bareNodeMib() };
      print({ name: `fleet_provider_memory_${size}`, ...memory });
    }
  } finally {
    await controlPlane.stop();
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
  return `${surroundings(size)}
resource "limiquantix_vm" "vm" {
  count = ${size}
  name  = "vm-${size}-\${count.index}"
${machine}
}
`;
}

function oneFleet(size: number): string {
  return `${surroundings(size)}
resource "limiquantix_vm_fleet" "vm" {
  name     = "fleet-${size}"
  replicas = ${size}
  vm = {
${machine}
  }
}
`;
}

function surroundings(size: number): string {
  return `
terraform {
  required_providers { limiquantix = { source = "limiquantix/limiquantix" } }
}
variable "image" { type = string }
resource "limiquantix_image" "guest" {
  name   = "guest-${size}"
  source = { upload = { file = var.image } }
}
resource "limiquantix_storage_pool" "local" {
  name      = "local-${size}"
  directory = { path = "/var/lib/limiquantix/pools/bench-${size}" }
}
resource "limiquantix_network" "lan" {
  name = "lan-${size}"
  ipv4 = { cidr = "10.64.0.0/16" }
}
`;
}

const machine = `
  cpu    = { cores = 1 }
  memory = { size_mib = 64 }
  disks = {
    root = {
      volume = {
        pool_id  = limiquantix_storage_pool.local.id
        size_gib = 1
        image_id = limiquantix_image.guest.id
      }
    }
  }
  nics = { lan = { port = { network_id = limiquantix_network.lan.id } } }`;
