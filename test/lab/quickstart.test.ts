/**
 * The quickstart by the real terraform on two real hosts: guests that talk to each other, what
 * changes do to them, a guest that dies, and that nothing is left in the end.
 */
import { nothing, virsh } from '../harness/hosts.js';
import type { Terraform } from '../harness/terraform.js';
import { until } from '../harness/wait.js';
import { Fleet, figure, Guest, type Machine, missingForFleet } from './fleet.js';
import { foreignDomain, plant, plantDomains, strayInterface } from './plants.js';

const missing = missingForFleet();
if (missing !== undefined) process.stderr.write(`lab suite skipped: ${missing}\n`);
const onLab = missing === undefined ? describe : describe.skip;
jest.setTimeout(600_000);

/** What `doctor -o json` tells. */
interface Finding {
  readonly kind: string;
  readonly place: string;
  readonly object_name: string;
  readonly owner?: { readonly type: string; readonly id: string };
  readonly remedy?: string;
}

const names = ['app', 'db', 'web'];
const hotplugDeadlineMs = 60_000;

onLab('the quickstart on real hosts', () => {
  let fleet: Fleet;
  let terraform: Terraform;
  let machines: Machine[];
  const guests = new Map<string, Guest>();

  beforeAll(async () => {
    fleet = await Fleet.up('q');
    terraform = await fleet.terraform();
    const { durationMs } = await terraform.apply();
    figure('terraform apply of three machines, until their guests report addresses', durationMs);
    machines = await fleet.machines();
    for (const machine of machines) {
      const { name, created_at, status } = machine;
      const ms = Date.parse(status.state_changed_at ?? '') - Date.parse(created_at);
      figure(`${name} from created to running`, ms);
      guests.set(name, new Guest(machine.id, await fleet.hostOf(machine)));
    }
  });

  afterAll(async () => {
    await fleet?.down();
  });

  const guest = (name: string): Guest => {
    const found = guests.get(name);
    if (found === undefined) throw new Error(`no machine ${name}`);
    return found;
  };
  /** The boots of all guests. */
  const boots = async (): Promise<Record<string, string>> => {
    const entries = [...guests].map(async ([name, each]) => [name, await each.bootId()]);
    return Object.fromEntries(await Promise.all(entries)) as Record<string, string>;
  };
  /** Overrides the machines' arguments, applies that, and expects an empty plan after it. */
  const change = async (what: string, body: string, resources = ''): Promise<string> => {
    terraform.write('change.tf', resources);
    terraform.write('change_override.tf', body);
    const { output, durationMs } = await terraform.apply();
    figure(`terraform apply of ${what}`, durationMs);
    await expectNoChanges();
    return output;
  };
  const expectNoChanges = async (): Promise<void> => {
    const plan = await terraform.plan();
    expect(plan.output).toContain('No changes');
    expect(plan.code).toBe(0);
  };

  test('guests have the addresses that were decided before they booted', async () => {
    const { addresses } = terraform.outputs() as { addresses: Record<string, string> };
    expect(Object.keys(addresses).sort()).toEqual(names);
    expect(addresses['web']).toBe('10.20.0.10');
    for (const { name, status } of machines) {
      expect(status.nics?.['lan']?.ip_addresses).toEqual([addresses[name]]);
      expect(status.guest_info?.nics?.['lan']?.ip_addresses).toContain(addresses[name]);
      expect(await guest(name).addresses()).toEqual([addresses[name]]);
    }
  });

  test('both hosts are used', () => {
    expect(new Set(machines.map(({ status }) => status.node_id)).size).toBe(2);
  });

  test('guests on different hosts ping each other and open TCP connections', async () => {
    const addressOf = (machine: Machine) => machine.status.nics?.['lan']?.ip_addresses[0];
    for (const from of machines) {
      const to = machines.find((other) => other.status.node_id !== from.status.node_id);
      if (to === undefined) throw new Error('all machines are on one host');
      const caller = guest(from.name);
      // One answer is enough: a lab's datapath drops a packet while it resolves a tunnel's far end.
      await caller.run(`ping -c 3 -W 5 ${addressOf(to)}`);
      const page = await caller.run(`wget -q -O - http://${addressOf(to)}/index.html`);
      expect(page).toBe(`hello from ${to.name}`);
    }
  });

  test('an applied configuration plans no change', expectNoChanges);

  test('a label changes no guest', async () => {
    const before = await boots();
    await change('a label', override('labels = { stack = "quickstart", tier = "any" }'));
    expect(await boots()).toEqual(before);
  });

  test('a root disk grows while its guest runs', async () => {
    const before = await boots();
    await change('a larger root disk', override(disks({ rootGib: 2 })));
    const app = guest('app');
    expect(await app.run('cat /sys/block/vda/size')).toBe(sectors(2));
    expect(await guest('db').run('cat /sys/block/vda/size')).toBe(sectors(1));
    expect(await boots()).toEqual(before);
  });

  test('a data disk is attached and detached while its guest runs', async () => {
    const before = await boots();
    const app = guest('app');
    const disksBefore = await app.disks();
    await change('a data disk', override(disks({ rootGib: 2, data: true })), dataVolume);
    const added = await until('the guest has another disk', hotplugDeadlineMs, async () =>
      (await app.disks()).find((disk) => !disksBefore.includes(disk)),
    );
    expect(await app.run(`cat /sys/block/${added}/size`)).toBe(sectors(1));
    await app.run(`echo kept >/dev/${added} && sync && head -c 4 /dev/${added} | grep kept`);

    await change('without the data disk', override(disks({ rootGib: 2 })));
    expect(await app.disks()).toEqual(disksBefore);
    expect(await boots()).toEqual(before);
    expect((await fleet.inventory()).files.filter(isVolume)).toHaveLength(names.length);
  });

  test('memory changes with a restart of that machine only', async () => {
    const before = await boots();
    const app = guest('app');
    const kibBefore = await totalKib(app);
    await change('more memory', grownApp);
    expect(await totalKib(app)).toBeGreaterThan(kibBefore + 50 * 1024);
    const after = await boots();
    expect(after).toEqual({ ...before, app: expect.any(String) });
    expect(after['app']).not.toBe(before['app']);
  });

  test('a guest that dies is started again without the control plane', async () => {
    const web = guest('web');
    const before = await boots();
    await fleet.installation.controlPlane.stop();
    try {
      const run = await web.runId();
      const killMs = Date.now();
      await web.kill();
      await web.untilRunsAgain(run);
      figure('guest killed until its hypervisor runs again', Date.now() - killMs);
      await web.untilBootedAgain(before['web'] ?? '');
      figure('guest killed until its agent answers again', Date.now() - killMs);
    } finally {
      await fleet.installation.controlPlane.start();
    }
    await fleet.installation.agentsReady();
    await expectNoChanges();
    const { app, db } = await boots();
    expect({ app, db }).toEqual({ app: before['app'], db: before['db'] });
  });

  test('the doctor names what somebody planted, and repairs nothing else', async () => {
    await fleet.untilWell();
    const [before, running] = [await fleet.inventory(), await boots()];
    const web = guest('web');
    const { host, vmId, volumeId, ...ids } = await plant(fleet, web);
    const { portId, poolId, nodeId } = ids;
    const look = async (): Promise<string[]> => {
      const { code, stdout } = await fleet.installation.doctor('-o', 'json', '--foreign');
      expect(code).toBe(9);
      const { findings } = JSON.parse(stdout) as { findings: Finding[] };
      return findings.map(({ kind, place, owner, object_name: name, remedy = 'none' }) =>
        [kind, place, owner === undefined ? name : `${owner.type}/${owner.id}`, remedy].join(' '),
      );
    };
    let found = await look();
    if (!found.some((one) => one.includes(vmId))) {
      // Swept away in this moment; the next sweep is a minute away.
      await plantDomains(host, vmId, web);
      found = await look();
    }
    expect(found.sort()).toEqual(
      [
        `duplicate ${host.name} vm/${web.id} remove`,
        `stray ${host.name} vm/${vmId} remove`,
        `stray ${host.name} volume/${volumeId} remove_data`,
        `stray control plane port/${portId} remove`,
        `stray control plane node/${nodeId} remove`,
        `stray ${host.name} port/${portId} remove`,
        `stray ${host.name} storage_pool/${poolId} remove_data`,
        `foreign ${host.name} ${foreignDomain} none`,
      ].sort(),
    );

    const repair = await fleet.installation.doctor('--repair', '--delete-data');
    for (const name of [volumeId, portId, poolId, nodeId, strayInterface]) {
      expect(repair.stdout).toMatch(new RegExp(`^mended: stray .*${name}`, 'm'));
    }
    expect(repair.code).toBe(0);
    await fleet.untilWell();
    expect((await fleet.inventory()).domains).toContain(`${host.name}/${foreignDomain}`);
    await virsh(host, 'undefine', foreignDomain);
    expect(await fleet.inventory()).toEqual(before);
    expect(await boots()).toEqual(running);
  });

  test('removing one machine removes exactly it', async () => {
    const before = await boots();
    const gone = guest('db');
    const { domains, ports } = await fleet.inventory();
    const fewer = 'locals {\n  machines = { app = null, web = "10.20.0.10" }\n}\n';
    const output = await change('a machine less', grownApp + fewer);
    expect(output).toMatch(/Resources: 0 added, 0 changed, 1 destroyed/);
    const after = await fleet.inventory();
    expect(after.domains).toHaveLength(domains.length - 1);
    expect(after.domains.filter((domain) => !domains.includes(domain))).toEqual([]);
    expect(after.ports).toHaveLength(ports.length - 1);
    expect(after.files.filter(isVolume)).toHaveLength(2);
    expect((await fleet.machines()).map(({ id }) => id)).not.toContain(gone.id);
    expect(await guest('web').bootId()).toBe(before['web']);
  });

  test('destroy leaves nothing in the backends', async () => {
    const { durationMs } = await terraform.destroy();
    figure('terraform destroy', durationMs);
    await fleet.untilWell();
    expect(await fleet.inventory()).toEqual(nothing);
    expect(await fleet.machines()).toEqual([]);
  });
});

/** A file that terraform merges over the quickstart's machines. */
function override(body: string): string {
  return `resource "limiquantix_vm" "fleet" {\n${body}\n}\n`;
}

const dataVolume = `
resource "limiquantix_volume" "data" {
  name     = "data"
  pool_id  = limiquantix_storage_pool.local.id
  size_gib = 1
  // Terraform deletes what nothing refers to any more before it changes what did, but for this.
  lifecycle { create_before_destroy = true }
}
`;

/** The quickstart's disks, but for those of `app`. */
function disks({ rootGib, data = false }: { rootGib: number; data?: boolean }): string {
  return `
  disks = merge({
    root = {
      volume = {
        pool_id  = limiquantix_storage_pool.local.id
        size_gib = each.key == "app" ? ${rootGib} : 1
        image_id = limiquantix_image.guest.id
      }
    }
  }, {
    for name in each.key == "app" && ${data} ? ["data"] : [] : name => {
      volume_id = ${data ? 'limiquantix_volume.data.id' : 'null'}
    }
  })`;
}

/** What the tests have made of `app` in the end. */
const grownApp = override(
  `${disks({ rootGib: 2 })}\n  memory = { size_mib = each.key == "app" ? 320 : 256 }`,
);

function isVolume(file: string): boolean {
  return file.includes('/volumes/');
}

/** What the kernel says of a disk of that size. */
function sectors(gib: number): string {
  return String((gib * 1024 ** 3) / 512);
}

async function totalKib(guest: Guest): Promise<number> {
  return Number(await guest.run("awk '/^MemTotal/ { print $2 }' /proc/meminfo"));
}
