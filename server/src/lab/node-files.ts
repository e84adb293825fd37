/**
 * Pure: the files that make a host of its folder: its first process, the script that starts one
 * of its daemons, libvirt's configuration, the agent's settings.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { LabLayout, NodeLayout } from './layout.js';
import { underlayMtu } from './layout.js';

/** Daemons of a host, in the order in which they start. */
export const nodeDaemons = ['libvirtd', 'ovsdb-server', 'ovs-vswitchd', 'ovn-controller'] as const;
/** One of a host's daemons. */
export type NodeDaemon = (typeof nodeDaemons)[number];

/** Where each daemon keeps its process id, inside the host. */
export const nodePidFiles: Readonly<Record<NodeDaemon, string>> = {
  libvirtd: '/run/libvirt/libvirtd.pid',
  'ovsdb-server': '/run/openvswitch/ovsdb-server.pid',
  'ovs-vswitchd': '/run/openvswitch/ovs-vswitchd.pid',
  'ovn-controller': '/run/ovn/ovn-controller.pid',
};

/** Folders of /var/lib and /var/log that each host has of its own. */
export const ownFolders = {
  lib: ['libvirt', 'openvswitch', 'ovn', 'limiquantix'],
  log: ['libvirt', 'openvswitch', 'ovn'],
} as const;

/** Where a host sees the machine's own folder of that kind. */
export function machineFolder(kind: keyof typeof ownFolders): string {
  return `/run/machine/${kind}`;
}

/** What an agent of a lab host needs to know; also written to `agent.json` in the host's folder. */
export interface AgentFacts {
  /** The host's name. */
  readonly node: string;
  /** The control plane's address. */
  readonly endpoint: string;
  /** OVN's southbound database, for the chassis' `ovn-remote`. */
  readonly ovnRemote: string;
  readonly encapType: 'geneve';
  readonly encapIp: string;
  readonly libvirtSocket: string;
  /** The local Open vSwitch database. */
  readonly ovsSocket: string;
  /** Survives a crash of the host. */
  readonly dataDir: string;
}

/** The agent's facts on one host. */
export function agentFacts(layout: LabLayout, node: NodeLayout): AgentFacts {
  return {
    node: node.name,
    endpoint: layout.endpoint,
    ovnRemote: layout.central.southboundRemote,
    encapType: 'geneve',
    encapIp: node.underlayAddress,
    libvirtSocket: '/run/libvirt/libvirt-sock',
    ovsSocket: '/run/openvswitch/db.sock',
    dataDir: '/var/lib/limiquantix',
  };
}

/** Where a host's own files go: path below its folder → content. */
export function nodeFiles(
  layout: LabLayout,
  node: NodeLayout,
  configureChassis: boolean,
): Readonly<Record<string, string>> {
  return {
    'etc-libvirt/libvirtd.conf': libvirtdConfiguration(layout.name, node.name),
    'etc-libvirt/qemu.conf': qemuConfiguration,
    'daemon.sh': daemonScript,
    'init.sh': initScript(layout, node, configureChassis),
    'agent.json': `${JSON.stringify(agentFacts(layout, node), null, 2)}\n`,
    hosts: [
      '127.0.0.1 localhost',
      ...layout.nodes.map((other) => `${other.managementAddress} ${other.name}`),
      '',
    ].join('\n'),
  };
}

/** Starts one daemon in the background and returns when it is ready. */
const daemonScript = `#!/bin/sh
# daemon.sh NAME: starts one daemon of this host; returns when it is ready.
set -eu
ovs() {
  program=$1
  shift
  exec "$program" --detach --no-chdir --pidfile --log-file -vconsole:err "$@"
}
case $1 in
libvirtd) rm -f /run/libvirt/libvirtd.pid; exec libvirtd -d --listen -p /run/libvirt/libvirtd.pid ;;
ovsdb-server) ovs "$1" --remote=punix:/run/openvswitch/db.sock /var/lib/openvswitch/conf.db ;;
ovs-vswitchd) ovs "$1" unix:/run/openvswitch/db.sock ;;
ovn-controller) ovs "$1" unix:/run/openvswitch/db.sock ;;
esac
`;

function initScript(layout: LabLayout, node: NodeLayout, configureChassis: boolean): string {
  const dir = node.dir;
  const chassis = configureChassis ? ` ${chassisSettings(layout, node)}` : '';
  return `#!/bin/sh
# PID 1 of host ${node.name}: makes its file system, starts its daemons, then only reaps.
set -eu
hostname ${node.name}
mount --bind ${dir}/run /run
for kind in lib log; do
  mount --rbind /var/$kind /run/machine/$kind
  mount --bind ${dir}/$kind /var/$kind
done
mount --bind ${dir}/cache-libvirt /var/cache/libvirt
mount --bind ${dir}/etc-libvirt /etc/libvirt
mount --bind ${dir}/hosts /etc/hosts
# No neighbour discovery of the host itself on the guests' taps.
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
cd /
sh ${dir}/daemon.sh libvirtd &
libvirtd=$!

database=/var/lib/openvswitch/conf.db
[ -f $database ] || ovsdb-tool create $database /usr/share/openvswitch/vswitch.ovsschema
sh ${dir}/daemon.sh ovsdb-server
ovs-vsctl --no-wait init -- set open_vswitch .${chassis} external_ids:hostname=${node.name} \\
  -- --may-exist add-br br-und -- set bridge br-und datapath_type=netdev \\
  -- --may-exist add-port br-und underlay -- set interface br-und mtu_request=${underlayMtu}
# Ports of guests that ran before a crash would fight for their addresses with wherever these guests
# run now: their rows must go before the switch starts.
for port in $(ovs-vsctl --no-wait --bare --format=csv --columns=name,external_ids list interface |
  sed -n 's/^\\([^,]*\\),.*iface-id=.*/\\1/p'); do
  ovs-vsctl --no-wait --if-exists del-port "$port"
done
sh ${dir}/daemon.sh ovs-vswitchd
ethtool -K br-und tx off >/dev/null
ip address add ${node.underlayAddress}/24 dev br-und
ip link set br-und up
sh ${dir}/daemon.sh ovn-controller
wait $libvirtd
: >/run/lab-ready
# Something to wait for while the shell reaps whatever is handed to it.
sleep infinity &
while :; do wait; done
`;
}

function chassisSettings(layout: LabLayout, node: NodeLayout): string {
  const facts = agentFacts(layout, node);
  return [
    `external_ids:system-id=${facts.node}`,
    `external_ids:ovn-remote=${facts.ovnRemote}`,
    `external_ids:ovn-encap-type=${facts.encapType}`,
    `external_ids:ovn-encap-ip=${facts.encapIp}`,
    'external_ids:ovn-bridge-datapath-type=netdev',
  ].join(' ');
}

function libvirtdConfiguration(lab: string, node: string): string {
  return `auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_rw_perms = "0700"
host_uuid = "${stableUuid(`${lab}/${node}`)}"
listen_tls = 0
listen_tcp = 1
listen_addr = "0.0.0.0"
auth_tcp = "none"
log_level = 3
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
`;
}

/** Everything as root in this host's own namespaces; there is no virtlogd, no cgroup controller. */
const qemuConfiguration = `security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
cgroup_controllers = []
seccomp_sandbox = 0
stdio_handler = "file"
swtpm_user = "root"
swtpm_group = "root"
`;

function stableUuid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

/** Path of the agent's log and script, outside and inside the host. */
export function agentPaths(node: NodeLayout) {
  return { script: join(node.dir, 'agent.sh'), log: join(node.dir, 'agent.log') };
}
