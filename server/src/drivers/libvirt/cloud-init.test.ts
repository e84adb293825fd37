/** The documents of a seed, and what makes a new one. */
import { create } from '@bufbuild/protobuf';
import { CloudInitSpecSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { parse } from 'yaml';
import { type SeedInput, seedDocuments, seedPathOf } from './cloud-init.js';

const input: SeedInput = {
  vmId: '00000000-0000-7000-8000-000000000001',
  hostname: 'web',
  cloudInit: create(CloudInitSpecSchema, { metaData: { tier: 'yes', note: 'a: "b"\n#c' } }),
  macs: new Map([
    ['wan', '02:00:00:00:00:02'],
    ['lan', '02:00:00:00:00:01'],
  ]),
};

test('names the instance and its host, and adds what the user gives', () => {
  expect(parse(seedDocuments(input).metaData)).toEqual({
    'instance-id': input.vmId,
    'local-hostname': 'web',
    tier: 'yes',
    note: 'a: "b"\n#c',
  });
});

test('asks DHCP on each interface, told apart by MAC address', () => {
  expect(parse(seedDocuments(input).networkConfig)).toEqual({
    version: 2,
    ethernets: {
      lan: { match: { macaddress: '02:00:00:00:00:01' }, dhcp4: true },
      wan: { match: { macaddress: '02:00:00:00:00:02' }, dhcp4: true },
    },
  });
  expect(parse(seedDocuments({ ...input, macs: new Map() }).networkConfig)).toEqual({
    version: 2,
    ethernets: {},
  });
});

test('passes on what the user wrote, byte for byte', () => {
  const cloudInit = create(CloudInitSpecSchema, { userData: '#!/bin/sh\n', networkConfig: 'x: 1' });
  const documents = seedDocuments({ ...input, cloudInit });
  expect(documents).toMatchObject({ userData: '#!/bin/sh\n', networkConfig: 'x: 1' });
});

test('tells a change of the user apart from a rename', () => {
  const parts = (each: SeedInput) => seedPathOf('/x', each).split('-').slice(1);
  const [users, all] = parts(input);
  const [sameUsers, renamed] = parts({ ...input, hostname: 'other' });
  expect(sameUsers).toBe(users);
  expect(renamed).not.toBe(all);
  const cloudInit = create(CloudInitSpecSchema, { userData: '#cloud-config\n' });
  expect(parts({ ...input, cloudInit })[0]).not.toBe(users);
});
