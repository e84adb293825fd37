/** Filters: terms and expressions, what they pass, how they are refused, and what they may cost. */
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  PowerState,
  VirtualMachinePhase,
  VirtualMachineSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes } from '../resource/type-registry.js';
import { parseFilter } from './filter.js';

const vm = contractTypes.get('vm');
const machines: readonly AnyResource[] = [
  create(VirtualMachineSchema, {
    name: 'web',
    projectId: 'blue',
    labels: { app: 'web', 'example.org/team': 'x' },
    description: 'serves AND answers',
    createdAt: timestampFromDate(new Date('2026-01-01T00:00:00Z')),
    spec: {
      cpu: { cores: 4 },
      memory: { sizeMib: 4096n },
      powerState: PowerState.RUNNING,
      disks: { root: { serial: 'a1' }, data: {} },
      display: { vnc: { password: 'planted' } },
    },
    status: { phase: VirtualMachinePhase.RUNNING },
  }),
  create(VirtualMachineSchema, {
    name: 'db',
    projectId: 'red',
    createdAt: timestampFromDate(new Date('2026-02-01T00:00:00Z')),
    spec: { cpu: { cores: 8 }, memory: { sizeMib: 1024n }, disks: { root: {} } },
    status: { phase: VirtualMachinePhase.STOPPED },
  }),
];
const passing = (filter: string, projectId = ''): string[] => {
  const passes = parseFilter(vm, { filter, projectId }, 'list');
  return machines.filter((one) => passes?.(one) !== false).map(({ name }) => name);
};

test.each([
  // Terms.
  ['name=web', ['web']],
  ['labels.app=web AND status.phase=running', ['web']],
  ['labels.example.org/team=x', ['web']],
  ['description="serves AND answers"', ['web']],
  ['spec.cpu.cores=8', ['db']],
  // Expressions.
  ['name == "web"', ['web']],
  ['spec.cpu.cores > 4', ['db']],
  ['spec.memory.size_mib >= 2048 && labels.app == "web"', ['web']],
  ['status.phase == "running"', ['web']],
  ['status.phase == "VIRTUAL_MACHINE_PHASE_RUNNING"', ['web']],
  ['"stopped" == status.phase', ['db']],
  ['status.phase != "running"', ['db']],
  ['status.phase in ["running", "paused"]', ['web']],
  ['resource.spec.cpu.cores < 8', ['web']],
  ['labels["example.org/team"] == "x"', ['web']],
  ['"app" in labels', ['web']],
  ['!has(labels.app)', ['db']],
  ['spec.disks.exists(d, d == "data")', ['web']],
  ['spec.disks.all(d, spec.disks[d].serial == "")', ['db']],
  ['size(spec.disks) == 2', ['web']],
  ['name.matches("^w.b$")', ['web']],
  ['created_at < timestamp("2026-01-15T00:00:00Z")', ['web']],
  ['has(spec.ha) ? true : spec.cpu.cores == 4', ['web']],
  // What can't be evaluated doesn't pass.
  ['labels.app != "db"', ['web']],
  ['name.matches("(")', []],
  // Together.
  ['spec.cpu.cores > 2 AND labels.app=web', ['web']],
  ['name == "a AND b" || name == "db" AND status.phase=stopped', ['db']],
])('%s passes %j', (filter, names) => {
  expect(passing(filter)).toEqual(names);
});

test('a project is asked first', () => {
  expect(passing('spec.cpu.cores > 2', 'red')).toEqual(['db']);
});

const refusalOf = (filter: string): string => {
  try {
    passing(filter);
  } catch (error) {
    if (error instanceof LimiError) return error.message;
    throw error;
  }
  return 'it was taken';
};

test.each([
  ['colour=red', /VirtualMachine has no field "colour"/],
  ['spec.display.vnc.password=x', /which is a secret/],
  ['nme == "web"', /at column 1: VirtualMachine has no field "nme"/],
  ['name == "x" && spec.cpu.coers > 1', /at column 24: CpuSpec has no field "coers"/],
  ['spec.cpu.cores >', /neither path=value nor CEL: at column 16: /],
  ['status.phase == "runing"', /at column 17: "runing" must be one of "pending", /],
  ['spec.display.vnc.password.startsWith("p")', /at column \d+: password is a secret/],
  ['spec.disks.exists(d, spec.disks[d].nothing == 1)', /DiskSpec has no field "nothing"/],
  ['spec.cpu.cores', /neither true nor false/],
  ['name.first == "w"', /goes into a value with "first"/],
  [`${'('.repeat(400)}1`, /more than 24 brackets in brackets/],
  ['unknown_function(name)', /it was taken|unbound function/],
])('%s is refused', (filter, message) => {
  expect(refusalOf(filter)).toMatch(message);
});

test('a secret is not found by a way around its name', () => {
  expect(passing('[spec.display].exists(d, d.vnc.password == "planted")')).toEqual([]);
});

test('what costs too much for one or for all is bounded', () => {
  const many = `[${Array.from({ length: 200 }, (_, i) => i).join(',')}]`;
  const short = many.slice(0, 300).replace(/,\d*$/, ']');
  const nested = `${short}.all(a, ${short}.all(b, ${short}.all(c, a + b + c >= 0)))`;
  const began = process.cpuUsage().user;
  expect(passing(nested)).toEqual([]);
  expect(process.cpuUsage().user - began).toBeLessThan(1_000_000);
  const passes = parseFilter(vm, { filter: `${short}.all(a, a >= 0)`, projectId: '' }, 'list');
  const [machine] = machines;
  const ask = (): void => {
    for (let i = 0; i < 1_000_000; i += 1) if (machine !== undefined) passes?.(machine);
  };
  expect(ask).toThrow('filter costs too much over so many resources');
  const watched = parseFilter(vm, { filter: 'spec.cpu.cores > 2', projectId: '' }, 'watch');
  for (let i = 0; i < 10; i += 1) expect(machine && watched?.(machine)).toBe(true);
});
