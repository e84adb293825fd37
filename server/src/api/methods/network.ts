/** The methods of networks and what is in them: entries that come and go, and the whole graph. */
import { create } from '@bufbuild/protobuf';
import {
  type FloatingIp,
  FloatingIpSpecSchema,
} from '@limiquantix/proto/network/v1/floating_ip_pb.js';
import { FloatingIpService } from '@limiquantix/proto/network/v1/floating_ip_service_pb.js';
import {
  BackendMemberSchema,
  ListenerSchema,
  type LoadBalancer,
} from '@limiquantix/proto/network/v1/load_balancer_pb.js';
import { LoadBalancerService } from '@limiquantix/proto/network/v1/load_balancer_service_pb.js';
import { VirtualNetworkService } from '@limiquantix/proto/network/v1/network_service_pb.js';
import {
  type SecurityGroup,
  SecurityRuleSchema,
} from '@limiquantix/proto/network/v1/security_group_pb.js';
import { SecurityGroupService } from '@limiquantix/proto/network/v1/security_group_service_pb.js';
import { type Vpn, VpnConnectionSchema } from '@limiquantix/proto/network/v1/vpn_pb.js';
import { VpnService } from '@limiquantix/proto/network/v1/vpn_service_pb.js';
import { networkTopology } from '../../decide/network-topology.js';
import { defaultProject } from '../header.js';
import { type CustomMethod, edits, reads } from './custom-method.js';
import { add, found, take } from './entries.js';

const balancer = LoadBalancerService.method;
const group = SecurityGroupService.method;
const address = FloatingIpService.method;
const vpn = VpnService.method;

/** The methods of networks and what is in them. */
export const networkMethods: readonly CustomMethod[] = [
  edits(group.addRule, ({ spec }: SecurityGroup, { name, rule = create(SecurityRuleSchema) }) => {
    add(spec?.rules, { path: 'name', key: name }, rule);
  }),
  edits(group.removeRule, ({ spec }: SecurityGroup, { name }) => {
    take(spec?.rules, { path: 'name', key: name });
  }),
  edits(address.associateFloatingIp, (resource: FloatingIp, { portId, fixedIpAddress }) => {
    resource.spec ??= create(FloatingIpSpecSchema);
    resource.spec.portId = portId;
    if (fixedIpAddress === '') delete resource.spec.fixedIpAddress;
    else resource.spec.fixedIpAddress = fixedIpAddress;
  }),
  edits(address.disassociateFloatingIp, ({ spec }: FloatingIp) => {
    delete spec?.portId;
    delete spec?.fixedIpAddress;
  }),
  edits(balancer.addListener, ({ spec }: LoadBalancer, request) => {
    const { name, listener = create(ListenerSchema) } = request;
    add(spec?.listeners, { path: 'name', key: name }, listener);
  }),
  edits(balancer.removeListener, ({ spec }: LoadBalancer, { name }) => {
    take(spec?.listeners, { path: 'name', key: name });
  }),
  edits(balancer.addMember, ({ spec }: LoadBalancer, request) => {
    const { pool, name, member = create(BackendMemberSchema) } = request;
    const { members } = found(spec?.pools, { path: 'pool', key: pool });
    add(members, { path: 'name', key: name }, member);
  }),
  edits(balancer.removeMember, ({ spec }: LoadBalancer, { pool, name }) => {
    const { members } = found(spec?.pools, { path: 'pool', key: pool });
    take(members, { path: 'name', key: name });
  }),
  edits(vpn.addConnection, ({ spec }: Vpn, request) => {
    const { name, connection = create(VpnConnectionSchema) } = request;
    add(spec?.connections, { path: 'name', key: name }, connection);
  }),
  edits(vpn.removeConnection, ({ spec }: Vpn, { name }) => {
    take(spec?.connections, { path: 'name', key: name });
  }),
  reads(VirtualNetworkService.method.getNetworkTopology, ({ context, request }) =>
    networkTopology(context.view, request.projectId || defaultProject),
  ),
];
