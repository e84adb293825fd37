/** Methods that change a part of a spec, through the API: what they change, and what they refuse. */
import { Code } from '@connectrpc/connect';
import { NodeService } from '@limiquantix/proto/compute/v1/node_service_pb.js';
import { TaintEffect } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { ProjectService } from '@limiquantix/proto/identity/v1/project_service_pb.js';
import { LoadBalancerService } from '@limiquantix/proto/network/v1/load_balancer_service_pb.js';
import { VirtualNetworkService } from '@limiquantix/proto/network/v1/network_service_pb.js';
import {
  SecurityAction,
  TrafficDirection,
} from '@limiquantix/proto/network/v1/security_group_pb.js';
import { SecurityGroupService } from '@limiquantix/proto/network/v1/security_group_service_pb.js';
import { StoragePoolService } from '@limiquantix/proto/storage/v1/storage_pool_service_pb.js';
import { VolumeService } from '@limiquantix/proto/storage/v1/volume_service_pb.js';
import { admission } from '../../decide/admission-table.js';
import { VirtualClock } from '../../reconcile/virtual-clock.js';
import { startTestInstallation, type TestInstallation } from '../test-installation.js';

let installation: TestInstallation;
beforeAll(async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  installation = await startTestInstallation({ clock, admission });
});
afterAll(() => installation.stop());

it('adds and removes rules, and says which there are', async () => {
  const groups = installation.client(SecurityGroupService);
  const { securityGroup } = await groups.createSecurityGroup({
    securityGroup: { name: 'web', spec: {} },
  });
  const { id = '', etag = '' } = securityGroup ?? {};
  const rule = { direction: TrafficDirection.INGRESS, action: SecurityAction.ALLOW };
  const added = await groups.addRule({ id, name: 'http', rule, etag });
  expect(Object.keys(added.securityGroup?.spec?.rules ?? {})).toEqual(['http']);
  expect(added.securityGroup?.generation).toBe(2n);
  const refused = [
    [groups.addRule({ id, name: 'http', rule }), Code.InvalidArgument, /"http" is there already/],
    [groups.removeRule({ id, name: 'ssh' }), Code.InvalidArgument, /no "ssh"; there is http/],
    [groups.removeRule({ id, name: 'http', etag }), Code.Aborted, /changed meanwhile/],
    [groups.addRule({ id, name: 'x' }), Code.InvalidArgument, /rule/],
    [groups.removeRule({ id: 'none', name: 'x' }), Code.NotFound, /no security group/],
  ] as const;
  for (const [call, code, message] of refused) {
    await expect(call).rejects.toMatchObject({ code });
    await expect(call).rejects.toThrow(message);
  }
  const removed = await groups.removeRule({ id, name: 'http' });
  expect(removed.securityGroup?.spec?.rules).toEqual({});
});

it('adds and removes what is in a pool of a load balancer', async () => {
  const networks = installation.client(VirtualNetworkService);
  const balancers = installation.client(LoadBalancerService);
  const { network } = await networks.createVirtualNetwork({
    network: { name: 'lan', spec: { ipv4: { cidr: '10.1.0.0/24' } } },
  });
  const networkId = network?.id ?? '';
  const { loadBalancer } = await balancers.createLoadBalancer({
    loadBalancer: { name: 'lb', spec: { networkId, pools: { web: {} } } },
  });
  const id = loadBalancer?.id ?? '';
  const member = { target: { case: 'ipAddress', value: '10.1.0.9' }, port: 80 } as const;
  const added = await balancers.addMember({ id, pool: 'web', name: 'one', member });
  expect(added.loadBalancer?.spec?.pools['web']?.members['one']).toMatchObject({ port: 80 });
  const unknown = balancers.addMember({ id, pool: 'api', name: 'one', member });
  await expect(unknown).rejects.toThrow(/no "api"; there is web/);
  const { loadBalancer: after } = await balancers.removeMember({ id, pool: 'web', name: 'one' });
  expect(after?.spec?.pools['web']?.members).toEqual({});
});

it('changes what may come to a node, and its labels', async () => {
  const nodes = installation.client(NodeService);
  const { node } = await nodes.createNode({
    node: { name: 'n1', labels: { rack: 'a' }, spec: {} },
  });
  const id = node?.id ?? '';
  expect((await nodes.disableNode({ id })).node?.spec?.schedulable).toBe(false);
  expect((await nodes.enableNode({ id })).node?.spec?.schedulable).toBe(true);
  const taint = { effect: TaintEffect.NO_SCHEDULE };
  expect((await nodes.addTaint({ id, key: 'gpu', taint })).node?.spec?.taints).toHaveProperty(
    'gpu',
  );
  expect((await nodes.removeTaint({ id, key: 'gpu' })).node?.spec?.taints).toEqual({});
  const labelled = await nodes.updateLabels({ id, set: { row: '1' }, remove: ['rack'] });
  expect(labelled.node?.labels).toEqual({ row: '1' });
  expect(await nodes.previewDrain({ id })).toMatchObject({ vms: [], complete: true });
});

it('attaches a volume to a machine and takes it off', async () => {
  const pools = installation.client(StoragePoolService);
  const volumes = installation.client(VolumeService);
  const vms = installation.client(VirtualMachineService);
  const { storagePool } = await pools.createStoragePool({
    storagePool: { name: 'p', spec: { backend: { case: 'directory', value: { path: '/p' } } } },
  });
  const poolId = storagePool?.id ?? '';
  const { volume } = await volumes.createVolume({
    volume: { name: 'v', spec: { poolId, sizeGib: 1n } },
  });
  const spec = { cpu: { cores: 1 }, memory: { sizeMib: 64n } };
  const { vm } = await vms.createVirtualMachine({ vm: { name: 'web', spec } });
  const [id, vmId] = [volume?.id ?? '', vm?.id ?? ''];
  const disksOf = async () => (await vms.getVirtualMachine({ id: vmId })).vm?.spec?.disks ?? {};
  const projects = installation.client(ProjectService);
  await projects.createProject({ project: { name: 'other', spec: {} } });
  const elsewhere = await vms.createVirtualMachine({
    vm: { name: 'other', projectId: 'other', spec },
  });
  for (const unknown of ['00000000-0000-7000-8000-000000000001', elsewhere.vm?.id ?? '']) {
    const refused = volumes.attachVolume({ id, vmId: unknown, diskName: 'data' });
    await expect(refused).rejects.toThrow(/vm_id is no machine of project default/);
  }
  await volumes.attachVolume({ id, vmId, diskName: 'data' });
  expect((await disksOf())['data']?.source).toEqual({ case: 'volumeId', value: id });
  await volumes.detachVolume({ id });
  expect(await disksOf()).toEqual({});
  await expect(volumes.detachVolume({ id })).rejects.toMatchObject({
    code: Code.FailedPrecondition,
  });
  expect((await volumes.resizeVolume({ id, sizeGib: 2n })).volume?.spec?.sizeGib).toBe(2n);
});

it('makes a copy of a volume', async () => {
  const volumes = installation.client(VolumeService);
  const { volumes: all } = await volumes.listVolumes({});
  const [volume] = all;
  const { volume: copy } = await volumes.cloneVolume({ id: volume?.id ?? '', name: 'copy' });
  expect(copy?.spec).toMatchObject({
    poolId: volume?.spec?.poolId,
    sizeGib: volume?.spec?.sizeGib,
    source: { source: { case: 'volumeId', value: volume?.id } },
  });
});

it('shows networks, ports and machines as a graph', async () => {
  const networks = installation.client(VirtualNetworkService);
  const vms = installation.client(VirtualMachineService);
  const { network } = await networks.createVirtualNetwork({
    network: { name: 'graph', spec: { ipv4: { cidr: '10.2.0.0/24' } } },
  });
  const networkId = network?.id ?? '';
  const source = { case: 'port', value: { networkId } } as const;
  const spec = { cpu: { cores: 1 }, memory: { sizeMib: 64n }, nics: { lan: { source } } };
  const { vm } = await vms.createVirtualMachine({ vm: { name: 'graph', spec } });
  const { nodes, edges } = await networks.getNetworkTopology({});
  const port = nodes.find(({ type }) => type === 'port');
  expect(nodes.map(({ id }) => id)).toEqual(expect.arrayContaining([networkId, vm?.id]));
  expect(edges).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ fromId: networkId, toId: port?.id }),
      expect.objectContaining({ fromId: port?.id, toId: vm?.id, label: 'lan' }),
    ]),
  );
});
