/**
 * A `limiquantix_vm_fleet` on two real hosts: admitted, spread, changed in a wave, healed, scaled
 * and destroyed, with what libvirt and the guests say of it.
 */
import { nothing } from '../harness/hosts.js';
import type { Terraform } from '../harness/terraform.js';
import { until } from '../harness/wait.js';
import { Fleet, figure, Guest, type Machine, missingForFleet } from './fleet.js';

const missing = missingForFleet();
if (missing !== undefined) process.stderr.write(`lab suite skipped: ${missing}\n`);
const onLab = missing === undefined ? describe : describe.skip;
jest.setTimeout(600_000);

const healDeadlineMs = 180_000;
const bootDeadlineMs = 180_000;
const bootId = 'cat /proc/sys/kernel/random/boot_id';

onLab('a fleet on real hosts', () => {
  let fleet: Fleet;
  let terraform: Terraform;

  beforeAll(async () => {
    fleet = await Fleet.up('m');
    terraform = await fleet.attachedTerraform();
    terraform.write('outputs.tf', '');
    await apply('of a fleet of three', { replicas: 3, memoryMib: 256 });
  });

  afterAll(async () => {
    await fleet?.down();
  });

  const apply = async (what: string, fleetOf: FleetSize): Promise<string> => {
    terraform.write('main.tf', configuration(fleetOf));
    const { output, durationMs } = await terraform.apply();
    figure(`terraform apply ${what}`, durationMs);
    const plan = await terraform.plan();
    expect(plan.output).toContain('No changes');
    return output;
  };
  /** What a guest says once it has booted, which a fleet doesn't wait for. */
  const answered = (guest: Guest, command: string): Promise<string> =>
    until('the guest answers', bootDeadlineMs, () => guest.run(command).catch(() => undefined));
  const guestOf = async (machine: Machine): Promise<Guest> =>
    new Guest(machine.id, await fleet.hostOf(machine));
  const guests = async (): Promise<Guest[]> => Promise.all((await fleet.machines()).map(guestOf));
  const megabytes = async (guest: Guest): Promise<number> =>
    Number(await answered(guest, "awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo"));

  test('is numbered, spread over both hosts, and each guest knows its name', async () => {
    const machines = await fleet.machines();
    expect(machines.map(({ name }) => name)).toEqual(['web-0', 'web-1', 'web-2']);
    expect(new Set(machines.map(({ status }) => status.node_id)).size).toBe(2);
    for (const machine of machines) {
      const page = await answered(await guestOf(machine), 'cat /srv/www/index.html');
      expect(page).toBe(`hello from ${machine.name}`);
    }
  });

  test('changes in a wave, the machines themselves staying', async () => {
    const before = (await fleet.machines()).map(({ id }) => id);
    await apply('of more memory', { replicas: 3, memoryMib: 320 });
    expect((await fleet.machines()).map(({ id }) => id)).toEqual(before);
    for (const guest of await guests()) expect(await megabytes(guest)).toBeGreaterThan(256);
  });

  test('makes a machine again that was deleted behind its back', async () => {
    const [, gone] = await fleet.machines();
    await fleet.installation.command('delete', 'vm', 'web-1');
    const again = await until('web-1 is there again', healDeadlineMs, async () => {
      const found = (await fleet.machines()).find(({ name }) => name === 'web-1');
      return found !== undefined && found.id !== gone?.id && found.status.phase === 'running'
        ? found
        : undefined;
    });
    expect(await answered(await guestOf(again), 'hostname')).toBe('web-1');
    expect((await terraform.apply()).output).toContain(
      'Resources: 0 added, 0 changed, 0 destroyed',
    );
  });

  test('shrinks from the end, and leaves nothing of what went', async () => {
    const [first] = await fleet.machines();
    const guest = await guestOf(first as Machine);
    const boot = await answered(guest, bootId);
    await apply('of one in place of three', { replicas: 1, memoryMib: 320 });
    const { domains, ports } = await fleet.inventory();
    expect((await fleet.machines()).map(({ name }) => name)).toEqual(['web-0']);
    expect([domains.length, ports.length]).toEqual([1, 1]);
    expect(await answered(guest, bootId)).toBe(boot);
  });

  test('is destroyed whole', async () => {
    const { durationMs } = await terraform.destroy();
    figure('terraform destroy of the fleet', durationMs);
    await fleet.untilWell();
    expect(await fleet.inventory()).toEqual(nothing);
    expect(await fleet.machines()).toEqual([]);
  });
});

interface FleetSize {
  readonly replicas: number;
  readonly memoryMib: number;
}

function configuration({ replicas, memoryMib }: FleetSize): string {
  return `
terraform {
  required_providers {
    limiquantix = { source = "limiquantix/limiquantix" }
  }
}

resource "limiquantix_image" "guest" {
  name   = "guest"
  source = { upload = { file = var.guest_image } }
}

resource "limiquantix_storage_pool" "local" {
  name      = "local"
  directory = { path = "/var/lib/limiquantix/pools/local" }
}

resource "limiquantix_network" "lan" {
  name = "lan"
  ipv4 = { cidr = "10.20.0.0/24" }
}

resource "limiquantix_vm_fleet" "web" {
  name     = "web"
  replicas = ${replicas}
  rollout  = { max_unavailable = 1 }

  vm = {
    cpu    = { cores = 1 }
    memory = { size_mib = ${memoryMib} }

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

    provisioning = {
      cloud_init = {
        user_data = <<-EOT
          #cloud-config
          write_files:
            - path: /srv/www/index.html
              content: "hello from {{fleet.name}}-{{fleet.index}}\\n"
        EOT
      }
    }
  }
}
`;
}
