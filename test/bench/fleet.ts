/** No-op plan, apply and destroy of N simulated virtual machines against N `terraform_data`. */
import { join } from 'node:path';
import { ControlPlane, freePort } from '../harness/control-plane.js';
import { emptyImage } from '../harness/empty-image.js';
import { scratchDir } from '../harness/paths.js';
import { Terraform } from '../harness/terraform.js';
import { print } from './measure.js';

/** Enough for 1,280 virtual processors. */
const simulatedNodes = 10;

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
      const floor = await run(new Terraform({ dir: join(dir, `data-${size}`), profile: '' }), {
        configuration: floorOf(size),
      });
      const fleet = new Terraform({
        dir: join(dir, `fleet-${size}`),
        profile: controlPlane.profile,
        variables: { image },
      });
      const value = await run(fleet, { configuration: fleetOf(size) });
      for (const name of ['apply', 'plan', 'destroy'] as const) {
        const label = name === 'plan' ? 'noop_plan' : name;
        const [ours, theirs] = [value[name] / 1000, floor[name] / 1000];
        print({ name: `fleet_${label}_${size}`, value: ours, unit: 's', floor: theirs });
      }
    }
  } finally {
    await controlPlane.stop();
  }
}

interface Durations {
  readonly apply: number;
  readonly plan: number;
  readonly destroy: number;
}

async function run(terraform: Terraform, what: { configuration: string }): Promise<Durations> {
  terraform.write('main.tf', what.configuration);
  await terraform.init();
  const apply = await terraform.apply();
  const plan = await terraform.plan();
  if (plan.code !== 0) throw new Error(`the plan is not empty:\n${plan.output.slice(-4000)}`);
  const destroy = await terraform.destroy();
  return { apply: apply.durationMs, plan: plan.durationMs, destroy: destroy.durationMs };
}

function floorOf(size: number): string {
  return `resource "terraform_data" "vm" {\n  count = ${size}\n  input = "vm-\${count.index}"\n}\n`;
}

function fleetOf(size: number): string {
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
resource "limiquantix_vm" "vm" {
  count  = ${size}
  name   = "vm-${size}-\${count.index}"
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
  nics = { lan = { port = { network_id = limiquantix_network.lan.id } } }
}
`;
}
