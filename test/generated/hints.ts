/**
 * What the contract's rules can't tell a machine: values for fields whose rules are expressions,
 * and what must be set together. Everything else is derived.
 */
import type { Value } from '../../provider/src/value/value.js';

type Values = Readonly<Record<string, readonly Value[]>>;

/** Values of a field, by its full name. */
export const fieldSamples: Values = {
  'limiquantix.network.v1.AddressSetSpec.addresses': [['10.0.0.7'], ['10.0.0.8', '10.1.0.0/16']],
  'limiquantix.network.v1.Ipv6AddressRange.first': ['fd00:99:1::20', 'fd00:99:1::21'],
  'limiquantix.network.v1.Ipv6AddressRange.last': ['fd00:99:1::200', 'fd00:99:1::201'],
  'limiquantix.identity.v1.PolicyRule.expression': ['true', 'resource.name != "x"'],
  // Projects that exist.
  'limiquantix.identity.v1.RoleBindingSpec.project_name': ['default', 'other'],
  'limiquantix.identity.v1.PolicySpec.project_names': [['default'], ['default', 'other']],
  // The name of a least object's only pool.
  'limiquantix.network.v1.Listener.pool': ['alpha'],
  'limiquantix.compute.v1.CpuSpec.pinning': [{ '0': '0' }, { '0': '1' }],
  'limiquantix.compute.v1.CpuSpec.model': ['host_model', 'maximum'],
  'limiquantix.compute.v1.NumaNodeSpec.vcpus': ['0', '0-1'],
  'limiquantix.compute.v1.PlatformSpec.clock': ['localtime'],
  'limiquantix.compute.v1.VmFleetSpec.name_pattern': ['x{index}', '{name}-{index}-b'],
  'limiquantix.compute.v1.PlatformSpec.timezone': ['Europe/Berlin', 'Asia/Tokyo'],
  // Labels that the simulated nodes have.
  'limiquantix.compute.v1.PlacementSpec.required_node_labels': [{ zone: 'a' }, { rack: 'b' }],
  'limiquantix.storage.v1.StoragePoolSpec.node_labels': [{ zone: 'a' }, { rack: 'b' }],
  'limiquantix.network.v1.Ipv4SubnetSpec.cidr': ['10.99.0.0/24', '10.98.0.0/24'],
  'limiquantix.network.v1.AddressRange.first': ['10.99.0.20', '10.99.0.21'],
  'limiquantix.network.v1.AddressRange.last': ['10.99.0.200', '10.99.0.201'],
  'limiquantix.storage.v1.DirectoryBackend.path': [...'abcdefghijkl'].map(
    (letter) => `/var/lib/lqx/${letter}`,
  ),
};

/** Attributes that a least object of a message has beside the required ones, by its full name. */
export const objectSamples: Readonly<Record<string, Readonly<Record<string, Value>>>> = {
  // A machine that is off changes in no time.
  'limiquantix.compute.v1.VirtualMachine': { power_state: 'stopped' },
  // Nor do those of a fleet, which are replaced or stopped one after the other otherwise.
  'limiquantix.compute.v1.VirtualMachineSpec': { power_state: 'stopped' },
  'limiquantix.storage.v1.UploadSource': { size_bytes: 10, sha256: 'a'.repeat(64) },
};

/** Attributes that a least object of a message has, though they aren't marked as required. */
export const neededAttributes: Readonly<Record<string, readonly string[]>> = {
  'limiquantix.compute.v1.VirtualMachine': ['cpu', 'memory'],
  'limiquantix.compute.v1.VirtualMachineSpec': ['cpu', 'memory'],
  'limiquantix.compute.v1.AffinityRule': ['vm_labels'],
};

/** What must be set beside an attribute, in the same object, by the full name of its field. */
export const siblings: Readonly<Record<string, Readonly<Record<string, Value>>>> = {
  'limiquantix.storage.v1.ReplicatedScheme.replicas_min': { replicas: 3 },
  'limiquantix.compute.v1.CpuSpec.model_name': { model: 'named' },
  'limiquantix.compute.v1.PlatformSpec.timezone': { clock: 'timezone' },
};

/**
 * Paths below which nothing can stand, known or not: what a least object has there is refused by
 * the rules of what holds it.
 */
export const refused: readonly string[] = [
  'vm_fleet vm.disks',
  'vm_fleet vm.nics',
  'vm_fleet vm.source',
  'vm_template vm.source',
];

/** Paths that are tried elsewhere with all that is below them, and where and why. */
export const elsewhere: Readonly<Record<string, string>> = {
  'vm_fleet vm.disks': "a fleet's machines share no volume: tried under vm",
  'vm_fleet vm.nics': "a fleet's machines share no port: tried under vm",
  'vm_fleet vm.source': 'a blueprint is made from no other source: refused by admission',
  'vm_template vm.source': 'a template is made from no other source: refused by admission',
  'vm_fleet overrides.ip_addresses': 'needs an interface: server/src/decide/admit-fleet.test.ts',
  'vm_fleet template_id': 'takes the place of vm: test/acceptance/fleet-terraform.test.ts',
  'image source': 'a new content is a new image: test/acceptance/provider/lifecycle.test.ts',
};
