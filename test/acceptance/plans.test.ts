/**
 * What a plan says before anything is made, with real terraform on simulated hosts: where machines
 * go, which don't fit and by how much, all machines of a plan judged together.
 */
import { type Node, NodePhase } from '@limiquantix/proto/compute/v1/node_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { base, flat, machine } from '../harness/configuration.js';
import { SimulatedInstallation } from '../harness/simulated-installation.js';
import type { Terraform } from '../harness/terraform.js';
import { until } from '../harness/wait.js';

jest.setTimeout(240_000);

let installation: SimulatedInstallation;
/** What a node gives to machines. */
let roomMib = 0;

beforeAll(async () => {
  installation = await SimulatedInstallation.up(2);
  const nodes = await until('the nodes are ready', 30_000, async () => {
    const all = await installation.list<Node>('node');
    return all.length === 2 && all.every(isReady) ? all : undefined;
  });
  roomMib = Number(nodes[0]?.status?.memory?.totalMib ?? 0n) - 512;
});
afterAll(() => installation?.down());

const isReady = ({ status }: Node): boolean => status?.phase === NodePhase.READY;

/** Machines of which a node takes four. */
const machines = (names: readonly string[], memoryMib = Math.floor(roomMib / 4)): string =>
  names.map((name) => machine({ name, memoryMib })).join('');
const ten = Array.from({ length: 10 }, (_, i) => `web-${i}`);

let terraform: Terraform;
beforeEach(async () => {
  terraform = await installation.attachedTerraform(base);
});

test('a plan of ten machines of which eight fit fails, and names the two and the numbers', async () => {
  terraform.write('main.tf', base + machines(ten));
  const { code, output } = await terraform.plan();
  const text = flat(output);
  if (process.env['SHOW'] !== undefined) process.stdout.write(output);
  expect(code).toBe(1);
  const named = new Set(text.match(/There is no room for limiquantix_vm "web-\d"/g));
  expect(named.size).toBe(2);
  const needed = Math.floor(roomMib / 4);
  expect(text).toMatch(
    new RegExp(
      `memory\\.size_mib: no node has room: ${needed} MiB of memory are needed on one node, and the most ` +
        `that one has left is \\d+ of ${roomMib} \\(sim-\\d+\\), with the 8 other machines of this plan`,
    ),
  );
  expect(await installation.resources()).toEqual({});
});

test('a plan says where each machine goes, and apply puts it there', async () => {
  terraform.write('main.tf', base + machines(['a', 'b']));
  const planned = await terraform.plan();
  if (process.env['SHOW'] !== undefined) process.stdout.write(planned.output);
  const nodes = new Map(
    ['a', 'b'].map((name) => {
      const at = new RegExp(
        `Where it goes: limiquantix_vm "${name}".*?(sim-\\d+): the least loaded`,
      );
      return [name, at.exec(flat(planned.output))?.[1]];
    }),
  );
  expect(new Set(nodes.values()).size).toBe(2);
  await terraform.apply();
  const names = new Map((await installation.list<Node>('node')).map(({ id, name }) => [id, name]));
  for (const vm of await installation.list<VirtualMachine>('vm')) {
    expect([...nodes.values()]).toContain(names.get(vm.status?.nodeId ?? ''));
  }
  expect((await terraform.plan()).code).toBe(0);

  // Eight more don't fit beside the two; in their place they do.
  const eight = ten.slice(0, 8);
  terraform.write('main.tf', base + machines(['a', 'b', ...eight]));
  expect(flat((await terraform.plan()).output)).toMatch(
    /There is no room for limiquantix_vm "web-/,
  );
  terraform.write('main.tf', base + machines(eight));
  const instead = await terraform.plan();
  if (process.env['SHOW'] !== undefined) process.stdout.write(instead.output);
  expect(instead.code).toBe(2);
  expect(instead.output).not.toMatch(/Error/);
  terraform.write('main.tf', base + machines(['a', 'b']));
  await terraform.destroy();
});

test('a machine that grows must fit where it is, beside those that are there', async () => {
  const [half, more] = [Math.floor(roomMib / 2), Math.floor(roomMib / 2) + 1];
  const both = (memoryMib: number): string =>
    base + machines(['a', 'b', 'c', 'd'].slice(0, 3), half) + machines(['d'], memoryMib);
  terraform.write('main.tf', both(half));
  await terraform.apply();
  terraform.write('main.tf', both(more));
  const { code, output } = await terraform.plan();
  expect(code).toBe(1);
  expect(flat(output)).toMatch(
    new RegExp(
      `There is no room for limiquantix_vm "d".*memory = { size_mib = ${more} }.*its node has no room to ` +
        `grow: ${more} MiB of memory are needed, and sim-\\d has ${half} of ${roomMib} for it`,
    ),
  );
  terraform.write('main.tf', both(half));
  await terraform.destroy();
});

test('a plan tells a name that is taken, at its line', async () => {
  terraform.write('main.tf', base + machines(['a']));
  await terraform.apply();
  const other = await installation.attachedTerraform(`${base}${machines(['a'])}`);
  const { code, output } = await other.plan();
  expect(code).toBe(1);
  expect(flat(output)).toMatch(
    /name = "guest" "guest" is taken: image [0-9a-f-]+ has that name in project default; give another/i,
  );
  await terraform.destroy();
});

test('a plan that takes more than the quota fails, and names the quantity and the numbers', async () => {
  const project =
    'resource "limiquantix_project" "team" {\n name = "team"\n quota = { vms = 2 }\n}\n';
  const member = (name: string): string =>
    machine({ name, attributes: 'project_id = "team"' }).replace(/disks = \{[\s\S]*$/, '}\n');
  terraform.write('main.tf', base + project);
  await terraform.apply();
  terraform.write('main.tf', base + project + ['x', 'y', 'z'].map(member).join(''));
  const { code, output } = await terraform.plan();
  expect(code).toBe(1);
  const text = flat(output);
  expect(text.match(/limiquantix_vm "[xyz]" is more than the quota allows/g)).toHaveLength(1);
  expect(text).toMatch(/project team has 0 of 2 vms left, 1 are needed and 1 are missing/i);
  terraform.write('main.tf', base + project);
  await terraform.destroy();
});

test('a control plane that is gone is one clear error', async () => {
  terraform.write('main.tf', base + machines(ten));
  await installation.controlPlane.stop();
  try {
    const { code, output } = await terraform.plan();
    expect(code).toBe(1);
    expect(output.match(/Error:/g)).toHaveLength(1);
    expect(flat(output)).toMatch(/was refused: check that "limiquantix server" runs there/);
  } finally {
    await installation.controlPlane.start();
  }
});
