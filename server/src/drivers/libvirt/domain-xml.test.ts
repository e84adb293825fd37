/** A plan as XML and back, and what differs between plans. */
import { parseXml } from '../../wire/libvirt/xml.js';
import { type DomainFrame, domainXml, type Marks } from './domain-xml.js';
import { changesBetween, type DomainPlan, type PlannedDisk, samePlan } from './plan.js';
import { readDomain } from './read-domain.js';

const disk: PlannedDisk = {
  path: '/pool/volumes/a.qcow2',
  format: 'qcow2',
  target: 'vda',
  bus: 'virtio',
  readOnly: false,
  serial: 'root',
  bootOrder: 1,
};
const plan: DomainPlan = {
  accelerator: 'qemu',
  title: `default/<web> & 'co'`,
  cores: 2,
  sockets: 3,
  threadsPerCore: 1,
  memoryKib: 65_536,
  disks: new Map([
    ['root', disk],
    ['data', { ...disk, target: 'sda', bus: 'scsi', readOnly: true, bootOrder: undefined }],
  ]),
  nics: new Map([
    [
      'eth0',
      {
        portId: '00000000-0000-7000-8000-000000000002',
        mac: '02:00:00:00:00:01',
        model: 'virtio',
        mtu: 1_442,
        checksumOffload: false,
      },
    ],
  ]),
  seedPath: '/machines/a/seed-1-2.iso',
  vnc: { password: `"'<&` },
};
const marks: Marks = {
  vmId: '00000000-0000-7000-8000-000000000001',
  projectId: 'default',
  generation: 7n,
  power: 'stopping',
  restarts: 3,
  restartsInRow: 2,
  startedAtMs: 1_795_417_404_106,
  operationId: '',
};
const frame: DomainFrame = {
  marks,
  consoleLogPath: '/machines/a/serial.log',
  bridge: 'br-int',
  cacheMode: 'none',
  machine: 'q35',
  rootPorts: 12,
  addresses: new Map([['ua-disk-root', parseXml("<address type='pci' bus='0x03'/>")]]),
};

test('a plan with its marks and places survives as XML', () => {
  const reading = readDomain(domainXml(plan, frame));
  expect(reading.plan).toEqual(plan);
  expect(samePlan(reading.plan, plan)).toBe(true);
  expect(reading).toMatchObject({ marks, rootPorts: 12, machine: 'q35', hasScsiController: true });
  expect(reading.addresses).toEqual(frame.addresses);
});

test('the text is the same for the same plan', () => {
  const reversed = { ...plan, disks: new Map([...plan.disks].reverse()) };
  expect(domainXml(reversed, frame)).toBe(domainXml(plan, frame));
});

test.each<[string, Partial<DomainPlan>, string, string]>([
  ['processors', { cores: 4 }, 'spec.cpu.cores', 'restart'],
  ['memory', { memoryKib: 1 }, 'spec.memory.size_mib', 'restart'],
  ['the seed', { seedPath: '/m/seed-3-4.iso' }, 'spec.provisioning.cloud_init', 'next-boot'],
  ['the screen', { vnc: undefined }, 'spec.display.vnc', 'next-boot'],
  ['the name', { title: 'x' }, 'name', 'silent'],
  [
    'a bus',
    { disks: new Map([['root', { ...disk, bus: 'scsi' }]]) },
    'spec.disks["root"].bus',
    'restart',
  ],
  [
    'a serial number',
    { disks: new Map([['root', { ...disk, serial: 'x' }]]) },
    'spec.disks["root"].serial',
    'next-boot',
  ],
])('a change of %s says what it costs', (_, change, path, cost) => {
  expect(changesBetween({ ...plan, ...change }, plan)).toContainEqual({ path, cost });
});
