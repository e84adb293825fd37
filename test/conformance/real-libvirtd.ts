/**
 * A real libvirtd of our own for tests: in its own mount, network, pid and host name namespaces
 * under a scratch folder, so the machine's libvirt is never touched. Needs root, libvirtd and
 * qemu-system-x86_64. Killing its init ends every process in it; `stop` also removes the folder.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LibvirtApi, Timers } from '../../server/src/wire/libvirt/api.js';
import { connectLibvirt } from '../../server/src/wire/libvirt/client.js';
import type { PacketTap } from '../../server/src/wire/libvirt/rpc.js';

const run = promisify(execFile);
const START_DEADLINE_MS = 15_000;
const POLL_MS = 20;
const LIBVIRTD = '/usr/sbin/libvirtd';
const QEMU = '/usr/bin/qemu-system-x86_64';

const LIBVIRTD_CONF = `auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_rw_perms = "0700"
keepalive_interval = 1
keepalive_count = 2
max_client_requests = 20
log_level = 3
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
`;

const QEMU_CONF = `security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
cgroup_controllers = []
seccomp_sandbox = 0
stdio_handler = "file"
`;

/** Real time for clients under test. */
export const realTimers: Timers = {
  nowMs: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Shell lines that start Open vSwitch with a userspace bridge `br-int`, for `startLibvirtd`. */
export const OPEN_VSWITCH = `
mkdir -p /run/openvswitch && mount -t tmpfs none /run/openvswitch
ovsdb-tool create /run/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server /run/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock \\
  --detach --no-chdir --pidfile --log-file=/run/openvswitch/ovsdb-server.log
ovs-vsctl --no-wait init
ovs-vswitchd --disable-system --detach --no-chdir --pidfile \\
  --log-file=/run/openvswitch/ovs-vswitchd.log
ovs-vsctl add-br br-int -- set bridge br-int datapath_type=netdev
`;

/** One running libvirtd. */
export interface RealLibvirtd {
  /** Scratch folder; same path inside and outside of the namespaces. */
  readonly folder: string;
  readonly socketPath: string;
  connect(tap?: PacketTap): Promise<LibvirtApi>;
  /** Runs a program inside of the namespaces and gives its standard output. */
  exec(command: string, ...args: string[]): Promise<string>;
  /** Kills libvirtd as a crash would; its guests keep running and it starts again. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Why no real libvirtd can be started here, or undefined when one can. */
export function realLibvirtdMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const absent = [LIBVIRTD, QEMU].find((path) => !existsSync(path));
  return absent === undefined ? undefined : `needs ${absent}`;
}

/** Starts one; `prelude` are shell lines run in the namespaces before libvirtd. */
export async function startLibvirtd(prelude = ''): Promise<RealLibvirtd> {
  const folder = await mkdtemp(join(tmpdir(), 'limiquantix-libvirtd-'));
  for (const name of ['run', 'lib', 'log', 'cache', 'etc/qemu']) {
    await mkdir(join(folder, name), { recursive: true });
  }
  await writeFile(join(folder, 'etc/libvirtd.conf'), LIBVIRTD_CONF);
  await writeFile(join(folder, 'etc/qemu.conf'), QEMU_CONF);
  await writeFile(join(folder, 'boot.sh'), bootScript(folder, prelude));
  const init = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', '-m', '-n', '-u', '-p', '-f', '--mount-proc'].concat([
      '--kill-child',
      'bash',
      join(folder, 'boot.sh'),
    ]),
    { stdio: 'ignore' },
  );
  const daemon = createDaemon(folder, init);
  await waitForConnection(daemon);
  return daemon;
}

function bootScript(folder: string, prelude: string): string {
  return `mount --make-rprivate /
hostname limiquantix-test
ip link set lo up
for d in /etc/libvirt /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
  mkdir -p $d
done
mount --bind ${folder}/etc /etc/libvirt
mount --bind ${folder}/run /run/libvirt
mount --bind ${folder}/lib /var/lib/libvirt
mount --bind ${folder}/log /var/log/libvirt
mount --bind ${folder}/cache /var/cache/libvirt
${prelude}
while true; do
  rm -f /run/libvirt/libvirtd.pid
  ${LIBVIRTD} --pid-file /run/libvirt/libvirtd.pid >${folder}/stdout.log 2>&1 &
  LIBVIRTD=$!
  while kill -0 $LIBVIRTD 2>/dev/null; do wait $LIBVIRTD; done
done
`;
}

function createDaemon(folder: string, init: ChildProcess): RealLibvirtd {
  const socketPath = join(folder, 'run/libvirt-sock');
  const exec = async (command: string, ...args: string[]) => {
    const children = await readFile(`/proc/${init.pid}/task/${init.pid}/children`, 'utf8');
    const target = ['-t', children.trim(), '-m', '-n', '-u', '-p', command, ...args];
    return (await run('nsenter', target)).stdout;
  };
  return {
    folder,
    socketPath,
    exec,
    connect: (tap) =>
      connectLibvirt({ socketPath, timers: realTimers, ...(tap === undefined ? {} : { tap }) }),
    async restart() {
      const pid = (await readFile(join(folder, 'run/libvirtd.pid'), 'utf8')).trim();
      await exec('kill', '-9', pid);
      await waitForConnection(this);
    },
    async stop() {
      const ended = new Promise((resolve) => init.once('exit', resolve));
      init.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

async function waitForConnection(daemon: RealLibvirtd): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      await (await daemon.connect()).close();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
