/**
 * What the constructs synthesize to, and what they refuse before Terraform sees it.
 */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's templates look like this.
import { Fn, TerraformOutput, TerraformStack, TerraformVariable, Testing } from 'cdktf';
import { Construct } from 'constructs';
import {
  CloudConfig,
  CloudInit,
  Disk,
  DiskBus,
  Image,
  ImageFormat,
  ImageSource,
  LimiquantixProvider,
  l1,
  Network,
  Nic,
  NicModel,
  PowerState,
  RestartPolicy,
  Size,
  StoragePool,
  StoragePoolBackend,
  VirtualMachine,
  type VirtualMachineProps,
} from '../index.js';

const memory = Size.mebibytes(256);

function newStack(): TerraformStack {
  return new TerraformStack(Testing.app(), 'stack');
}

/** The attributes of the only resource of a type. */
function only(stack: TerraformStack, type: string): Record<string, unknown> {
  const all: Record<string, unknown>[] = Object.values(synth(stack).resource[type]);
  expect(all).toHaveLength(1);
  return all[0];
}

function synth(stack: TerraformStack) {
  return JSON.parse(Testing.synth(stack));
}

function vm(stack: TerraformStack, props: Partial<VirtualMachineProps> = {}): VirtualMachine {
  return new VirtualMachine(stack, 'Web', { cpuCores: 1, memory, ...props });
}

describe('names', () => {
  it('come from the path below the stack', () => {
    const stack = newStack();
    new Network(new Construct(stack, 'FrontOffice'), 'LAN 1', { cidr: '10.0.0.0/24' });
    expect(only(stack, 'limiquantix_network').name).toBe('front-office-lan-1');
  });

  it('can be given', () => {
    const stack = newStack();
    new Network(stack, 'Lan', { cidr: '10.0.0.0/24', name: 'office' });
    expect(only(stack, 'limiquantix_network').name).toBe('office');
  });

  it.each(['Web', 'web_1', '-web', `w${'x'.repeat(63)}`])('refuse %p', (name) => {
    expect(() => vm(newStack(), { name })).toThrow(/stack\/Web: name must be a DNS label .* got/);
  });
});

describe('Network', () => {
  it('writes what was given and nothing else', () => {
    const stack = newStack();
    new Network(stack, 'Lan', {
      cidr: '10.0.0.0/24',
      gateway: '10.0.0.1',
      allocationPools: [{ first: '10.0.0.100', last: '10.0.0.199' }],
      dnsServers: ['9.9.9.9'],
      labels: { site: 'berlin' },
      deletionProtection: true,
    });
    expect(only(stack, 'limiquantix_network')).toMatchObject({
      labels: { site: 'berlin' },
      protected: true,
      ipv4: {
        cidr: '10.0.0.0/24',
        gateway: '10.0.0.1',
        allocation_pools: [{ first: '10.0.0.100', last: '10.0.0.199' }],
      },
      dhcp: { dns_servers: ['9.9.9.9'] },
    });
    const bare = newStack();
    new Network(bare, 'Lan', { cidr: '10.0.0.0/24' });
    const attributes = only(bare, 'limiquantix_network');
    expect(Object.keys(attributes).sort()).toEqual(['ipv4', 'name']);
  });

  it.each([
    [{ cidr: '10.0.0.0' }, "cidr must be a subnet in CIDR notation such as 10.0.0.0/24, got '10.0"],
    [{ cidr: '10.0.0.7/24' }, "cidr must have no host bits, got '10.0.0.7/24': write 10.0.0.0/24"],
    [{ cidr: '10.0.0.0/24', gateway: '10.0.1.1' }, "gateway must lie in the network's subnet"],
    [{ cidr: '10.0.0.0/24', dnsServers: ['dns'] }, 'dnsServers must be an IPv4 address'],
  ])('refuses %p', (props, message) => {
    expect(() => new Network(newStack(), 'Lan', props)).toThrow(message);
  });

  it('leaves values that only Terraform knows to Terraform', () => {
    const stack = newStack();
    const cidr = new TerraformVariable(stack, 'cidr', { type: 'string' }).stringValue;
    new Network(stack, 'Lan', { cidr, gateway: Fn.cidrhost(cidr, 1) });
    expect(only(stack, 'limiquantix_network').ipv4).toEqual({
      cidr: '${var.cidr}',
      gateway: '${cidrhost(var.cidr, 1)}',
    });
  });
});

describe('Image and StoragePool', () => {
  it('make the path of an image file absolute', () => {
    const stack = newStack();
    new Image(stack, 'Guest', { source: ImageSource.file('guest.qcow2') });
    expect(only(stack, 'limiquantix_image').source).toEqual({
      upload: { file: `${process.cwd()}/guest.qcow2` },
    });
  });

  it('take an image from a URL with its checksum', () => {
    const stack = newStack();
    const source = ImageSource.url('https://example.org/a.raw', { sha256: 'a'.repeat(64) });
    new Image(stack, 'Guest', { source, format: ImageFormat.RAW });
    expect(only(stack, 'limiquantix_image')).toMatchObject({
      format: 'raw',
      source: { url: { url: 'https://example.org/a.raw', sha256: 'a'.repeat(64) } },
    });
  });

  it.each([
    [() => ImageSource.file(''), 'must not be empty'],
    [
      () => ImageSource.url('ftp://a/b', { sha256: 'a'.repeat(64) }),
      'begin with http:// or https:',
    ],
    [() => ImageSource.url('https://a/b', { sha256: 'A1' }), 'sha256 must be 64 lower-case'],
    [() => StoragePoolBackend.directory('pool'), 'must be a plain absolute path'],
    [() => StoragePoolBackend.directory('/srv/../etc'), 'must be a plain absolute path'],
  ])('refuse bad input %#', (make, message) => {
    expect(make).toThrow(message);
  });
});

describe('VirtualMachine', () => {
  it('writes all that it was given', () => {
    const stack = newStack();
    const network = new Network(stack, 'Lan', { cidr: '10.0.0.0/24' });
    const image = Image.fromImageId(stack, 'Guest', 'image-id');
    const storagePool = new StoragePool(stack, 'Local', {
      backend: StoragePoolBackend.directory('/srv/pool'),
    });
    const size = Size.gibibytes(2);
    const machine = vm(stack, {
      cpuSockets: 2,
      disks: { root: Disk.fromImage(image, { storagePool, size, bus: DiskBus.SATA }) },
      network,
      ipAddress: '10.0.0.10',
      cloudInit: CloudInit.fromUserData('#!/bin/sh\n', { metaData: { a: 'b' } }),
      powerState: PowerState.STOPPED,
      restartPolicy: RestartPolicy.NEVER,
      requiredNodeLabels: { rack: '2' },
      waitForGuestAgent: true,
    });
    machine.addDisk('data', Disk.empty({ storagePool, size, keep: true }));
    machine.addDisk('old', Disk.fromVolumeId('volume-id', { readOnly: true }));
    machine.addNic('kept', Nic.fromPortId('port-id', { model: NicModel.E1000 }));
    const pool_id = expect.stringMatching(/^\$\{limiquantix_storage_pool\.Local_\w+\.id\}$/);
    expect(only(stack, 'limiquantix_vm')).toMatchObject({
      name: 'web',
      cpu: { cores: 1, sockets: 2 },
      memory: { size_mib: 256 },
      disks: {
        root: { volume: { pool_id, size_gib: 2, image_id: 'image-id' }, bus: 'sata' },
        data: { volume: { pool_id, size_gib: 2, keep: true } },
        old: { volume_id: 'volume-id', read_only: true },
      },
      nics: {
        lan: { port: { ip_addresses: ['10.0.0.10'] } },
        kept: { port_id: 'port-id', model: 'e1000' },
      },
      provisioning: { cloud_init: { user_data: '#!/bin/sh\n', meta_data: { a: 'b' } } },
      power_state: 'stopped',
      ha: { restart: 'never' },
      placement: { required_node_labels: { rack: '2' } },
      wait_for: { guest_agent: true },
    });
  });

  it('tells its addresses by interface, with the name quoted', () => {
    const stack = newStack();
    const network = new Network(stack, 'Lan', { cidr: '10.0.0.0/24' });
    const machine = vm(stack, { network });
    machine.addNic('backup', Nic.fromNetwork(network));
    const value = [machine.ipAddress, machine.ipAddressOf('backup')];
    new TerraformOutput(stack, 'addresses', { value });
    expect(synth(stack).output.addresses.value).toEqual([
      expect.stringMatching(/^\$\{element\(limiquantix_vm\.\w+\.status\.nics\["lan"\]\.ip_addr/),
      expect.stringContaining('.status.nics["backup"].ip_addresses, 0)}'),
    ]);
  });

  it('includes what was added to its cloud-config later', () => {
    const stack = newStack();
    const cloudInit = new CloudConfig({ packages: ['nginx'], settings: { timezone: 'UTC' } });
    vm(stack, { cloudInit });
    cloudInit.addFile('/etc/a', { content: 'a line\n' });
    cloudInit.addCommand('echo', '$HOME');
    expect(only(stack, 'limiquantix_vm').provisioning).toEqual({
      cloud_init: {
        user_data:
          '#cloud-config\n${yamlencode({"packages" = ["nginx"], ' +
          '"write_files" = [{"path" = "/etc/a", "content" = "a line\\n"}], ' +
          '"runcmd" = [["echo", "$HOME"]], "timezone" = "UTC"})}',
      },
    });
  });

  it.each<[string, (machine: VirtualMachine, network: Network) => void, string]>([
    [
      'a second disk of one name',
      (m) => {
        m.addDisk('a', Disk.fromVolumeId('x'));
        m.addDisk('a', Disk.fromVolumeId('y'));
      },
      "already has a disk 'a'",
    ],
    [
      'a bad device name',
      (m) => m.addDisk('Root', Disk.fromVolumeId('x')),
      "got 'Root': rename it",
    ],
    [
      'an address outside',
      (_, n) => Nic.fromNetwork(n, { ipAddress: '10.0.1.1' }),
      'subnet 10.0.0.0/24',
    ],
    [
      'a bad MAC address',
      (_, n) => Nic.fromNetwork(n, { macAddress: '01:00:00:00:00:01' }),
      'macAddress',
    ],
    ['an unknown interface', (m) => m.ipAddressOf('wan'), "has no interface 'wan'"],
    ['a relative path', () => new CloudConfig().addFile('etc', { content: '' }), "got 'etc'"],
  ])('refuses %s', (_, act, message) => {
    const stack = newStack();
    const network = new Network(stack, 'Lan', { cidr: '10.0.0.0/24' });
    expect(() => act(vm(stack), network)).toThrow(message);
  });

  it('refuses an address without a network', () => {
    expect(() => vm(newStack(), { ipAddress: '10.0.0.1' })).toThrow('ipAddress needs a network');
  });
});

describe('the package', () => {
  it('names the provider by its source and leaves the patch version open', () => {
    const stack = newStack();
    new LimiquantixProvider(stack, 'limiquantix', { endpoint: 'https://127.0.0.1:7443' });
    const { terraform, provider } = synth(stack);
    const limiquantix = { source: 'limiquantix/limiquantix', version: '~> 0.1' };
    expect(terraform.required_providers).toEqual({ limiquantix });
    expect(provider.limiquantix).toEqual([{ endpoint: 'https://127.0.0.1:7443' }]);
  });

  it('has a class for each resource type', () => {
    const types = [l1.Vm, l1.Node, l1.StoragePool, l1.Volume, l1.Image, l1.Network, l1.Port];
    expect(types.map((type) => type.tfResourceType)).toEqual(
      ['vm', 'node', 'storage_pool', 'volume', 'image', 'network', 'port'].map(
        (type) => `limiquantix_${type}`,
      ),
    );
  });

  it('refers to what was declared elsewhere', () => {
    const stack = newStack();
    expect(VirtualMachine.fromVmId(stack, 'V', 'a').vmId).toBe('a');
    expect(Network.fromNetworkId(stack, 'N', 'b').networkId).toBe('b');
    expect(StoragePool.fromStoragePoolId(stack, 'S', 'c').storagePoolId).toBe('c');
  });
});
