/**
 * The lab itself on real daemons: comes up, survives a power cut, and leaves nothing behind,
 * whatever was killed. Boots no guest.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  labAgentStop,
  labCrash,
  labDaemonKill,
  labDaemonStart,
  labDown,
  labStart,
  labStatus,
  labUp,
} from '../../server/src/lab/lab.js';
import { enterNode } from '../../server/src/lab/node.js';
import { missingForLab } from '../../server/src/lab/prerequisites.js';
import { runProgram, waitFor } from '../../server/src/lab/process.js';
import { readState } from '../../server/src/lab/state.js';
import { expectNoLab, footprintOf, namespaceInodes } from './leftovers.js';

const missing = missingForLab();
if (missing !== undefined) process.stderr.write(`lab suite skipped: ${missing}\n`);
const onLab = missing === undefined ? describe : describe.skip;
const deadlineMs = 60_000;
const runTs = [process.execPath, '--import', `file://${require.resolve('tsx')}`];
const report = (): void => undefined;
const name = `lqxt${process.pid % 10_000}`;
const machineHadDataDir = existsSync('/var/lib/limiquantix');

onLab('lab', () => {
  let dir: string;
  beforeEach(() => {
    dir = join(mkdtempSync(join(tmpdir(), 'lqx-lab-')), 'lab');
  });
  afterEach(async () => {
    await labDown({ dir, report });
    rmSync(join(dir, '..'), { recursive: true, force: true });
  });

  const up = (options: { agents?: boolean; relay?: boolean; name?: string; dir?: string } = {}) =>
    labUp({
      dir: options.dir ?? dir,
      name: options.name ?? name,
      nodes: 2,
      configureChassis: true,
      report,
      ...(options.relay ? { relayCommand: [...runTs, join(__dirname, 'relay-process.ts')] } : {}),
      ...(options.agents
        ? { agent: { command: ['/bin/sleep', '3600'], environment: {}, restart: true } }
        : {}),
    });
  const inside = (node: string, ...command: string[]) => {
    const pid = labStatus(dir).nodes.find((each) => each.name === node)?.initPid ?? 0;
    return runProgram(enterNode({ pid, startTime: '' }, command));
  };
  const chassis = () =>
    runProgram([
      'ovn-sbctl',
      `--db=unix:${dir}/central/sb.sock`,
      '--bare',
      '--columns=name',
      'list',
      'chassis',
    ]);

  it(
    'brings up isolated hosts that OVN knows',
    async () => {
      const status = await up();
      expect(status.nodes.map((node) => node.up)).toEqual([true, true]);
      expect((await chassis()).split(/\s+/).filter(Boolean).sort()).toEqual(['node-1', 'node-2']);
      const uri = `qemu+unix:///system?socket=${status.nodes[1]?.libvirtSocket}`;
      expect((await runProgram(['virsh', '-c', uri, 'hostname'])).trim()).toBe('node-2');
      const libvirt = `/dev/tcp/${status.nodes[1]?.underlayAddress}/16509`;
      await inside('node-1', 'timeout', '5', 'bash', '-c', `exec 3<>${libvirt}`);
      await expect(up()).rejects.toThrow(/there is a lab in .* already/);
      await expect(up({ dir: `${dir}2` })).rejects.toThrow(/exists and is not of the lab/);
      expect(labStatus(dir).nodes.every((node) => node.up)).toBe(true);
    },
    deadlineMs,
  );

  it(
    'keeps disks and agents over a power cut, and drops stale ports',
    async () => {
      const stale = '00000000-0000-4000-8000-000000000001';
      await up({ agents: true });
      await inside('node-1', 'sh', '-c', 'echo kept >/var/lib/limiquantix/file');
      await inside(
        'node-1',
        'ovs-vsctl',
        'add-port',
        'br-int',
        'vnet7',
        '--',
        'set',
        'interface',
        'vnet7',
        'type=internal',
        `external_ids:iface-id=${stale}`,
      );
      const before = footprintOf(dir, name);

      await labCrash({ dir, node: 'node-1' });
      expect(labStatus(dir).nodes.map((node) => node.up)).toEqual([false, true]);
      expect(footprintOf(dir, name).namespaces).toEqual([`${name}-central`, `${name}-node-2`]);
      await expect(labCrash({ dir, node: 'node-1' })).rejects.toThrow(/down already/);

      await labStart({ dir, node: 'node-1' });
      expect(footprintOf(dir, name)).toEqual(before);
      expect(labStatus(dir).nodes[0]?.agentRunning).toBe(true);
      expect(await inside('node-1', 'cat', '/var/lib/limiquantix/file')).toBe('kept\n');
      expect(await inside('node-1', 'ovs-vsctl', 'list-ports', 'br-int')).not.toContain('vnet7');
      expect(await inside('node-1', 'ovs-vsctl', 'list-ports', 'br-und')).toContain('underlay');
      await labAgentStop({ dir, node: 'node-1' });
      expect(labStatus(dir).nodes[0]?.agentRunning).toBe(false);
      expect(labStatus(dir).nodes[1]?.agentRunning).toBe(true);
    },
    deadlineMs,
  );

  it(
    'restarts single daemons and reaps what was killed',
    async () => {
      await up();
      for (const daemon of ['libvirtd', 'ovs-vswitchd', 'ovsdb-server', 'ovn-controller']) {
        await labDaemonKill({ dir, node: 'node-1', daemon });
        expect(await inside('node-1', 'ps', '-eo', 'stat,comm')).not.toMatch(/^Z/m);
        await labDaemonStart({ dir, node: 'node-1', daemon });
      }
      for (const daemon of ['northbound', 'southbound', 'northd']) {
        await labDaemonKill({ dir, node: 'central', daemon });
        expect(labStatus(dir).central.running).not.toContain(daemon);
        await labDaemonStart({ dir, node: 'central', daemon });
      }
      expect(labStatus(dir).central.running).toEqual(['northbound', 'southbound', 'northd']);
      await inside('node-1', 'virsh', 'list');
      await inside('node-1', 'ovs-appctl', 'version');
    },
    deadlineMs,
  );

  it(
    'relays hosts to the control plane in the root namespace',
    async () => {
      const status = await up({ relay: true });
      const server = createServer((socket) => socket.end('hello from the root namespace\n'));
      await new Promise<void>((done) => void server.listen(status.serverSocket, done));
      const { hostname, port } = new URL(status.endpoint);
      const read = `exec 3<>/dev/tcp/${hostname}/${port} && cat <&3`;
      await waitFor('relay', deadlineMs, () =>
        labStatus(dir).central.running.includes('relay') ? true : undefined,
      );
      expect(await inside('node-2', 'bash', '-c', read)).toBe('hello from the root namespace\n');
      server.close();
    },
    deadlineMs,
  );

  it(
    'leaves nothing after down, whatever was killed before',
    async () => {
      const status = await up({ agents: true, relay: true });
      const inodes = namespaceInodes(dir);
      process.kill(status.nodes[0]?.initPid ?? 0, 'SIGKILL');
      await labDaemonKill({ dir, node: 'central', daemon: 'southbound' });
      await labDaemonKill({ dir, node: 'node-2', daemon: 'ovs-vswitchd' });
      await labDown({ dir, report });
      expectNoLab(dir, name, inodes);
      await labDown({ dir, report });
      expect(existsSync('/var/lib/limiquantix')).toBe(machineHadDataDir);
    },
    deadlineMs,
  );

  it(
    'leaves nothing after down when up was killed half-way',
    async () => {
      const child = spawn(runTs[0] ?? '', [
        ...runTs.slice(1),
        join(__dirname, 'up-process.ts'),
        dir,
        name,
      ]);
      await waitFor('first host', deadlineMs, () => readState(dir)?.nodes['node-1']?.init);
      const inodes = namespaceInodes(dir);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await labDown({ dir, report });
      expectNoLab(dir, name, inodes);
    },
    deadlineMs,
  );
});
