/**
 * Two `limiquantix server` processes on one etcd. The one that leads is killed (SIGKILL), and later
 * paused (SIGSTOP): the other goes on, writes are taken all the while, and what comes back follows.
 * Then the whole state moves to SQLite with `store copy`, and a server goes on there.
 */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { ServiceAccountSchema } from '@limiquantix/proto/identity/v1/service_account_pb.js';
import { findProfile } from '../../server/src/bin/profile.js';
import { createTransport, ResourceClient } from '../../server/src/bin/resource-client.js';
import { isReady } from '../../server/src/resource/conditions.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { hasEtcd, RealEtcd } from '../conformance/real-etcd.js';
import { runCommand } from '../harness/command.js';
import { ControlPlane, freePort, tail } from '../harness/control-plane.js';
import { commandBundle, scratchDir } from '../harness/paths.js';
import { until } from '../harness/wait.js';

jest.setTimeout(180_000);

const deadlineMs = 60_000;
const testEtcd = hasEtcd() ? test : test.skip;
const type = contractTypes.get('service_account');
const northbound = ['--ovn-nb', 'unix:/nonexistent/northbound.sock'];

interface Server {
  readonly process: ControlPlane;
  readonly client: ResourceClient;
}

testEtcd('servers go on when the one that leads is killed or paused', async () => {
  const etcd = await RealEtcd.start({ members: 1 });
  const dir = scratchDir('servers');
  const store = `etcd://${etcd.endpoints.join(',')}?prefix=t/`;
  const ports = [await freePort(), await freePort()];
  const planeOf = (name: string, i: number, args = ['--store', store]): ControlPlane =>
    new ControlPlane({
      dir: join(dir, name, 'data'),
      port: ports[i] ?? 0,
      args: [...args, ...northbound],
    });
  const start = async (process: ControlPlane): Promise<Server> => {
    await process.start();
    const profile = await findProfile({ profile: process.profile }, {});
    return { process, client: new ResourceClient(createTransport(profile)) };
  };
  const running: ControlPlane[] = [];
  try {
    const a = await start(planeOf('a', 0));
    running.push(a.process);
    mkdirSync(join(dir, 'b/data'), { recursive: true });
    cpSync(join(dir, 'a/data/ca'), join(dir, 'b/data/ca'), { recursive: true });
    const b = await start(planeOf('b', 1));
    running.push(b.process);
    const stranger = ['server', '--data-dir', join(dir, 'c'), '--listen', '127.0.0.1:0'];
    await expect(
      runCommand(process.execPath, [commandBundle, ...stranger, '--store', store]),
    ).rejects.toThrow(/another certificate authority/);

    const made: string[] = [];
    const make = async ({ client }: Server): Promise<string> => {
      const name = `account-${made.length}`;
      const { id } = await client.create(
        type,
        create(ServiceAccountSchema, { name, spec: {} }),
        name,
      );
      made.push(id);
      return id;
    };
    const whenReady = ({ client }: Server, id: string): Promise<true> =>
      until('the account is ready', deadlineMs, async () =>
        isReady(await client.get(type, id)) ? true : undefined,
      );
    await whenReady(b, await make(b));

    await a.process.kill();
    let beganMs = performance.now();
    const afterKill = await make(b);
    say('killed: written', beganMs);
    await whenReady(b, afterKill);
    say('killed: decided', beganMs);
    const again = await start(planeOf('a', 0));
    running.push(again.process);
    await whenReady(again, await make(again));

    const paused = b.process.pid;
    if (paused === undefined) throw new Error('b runs');
    process.kill(paused, 'SIGSTOP');
    beganMs = performance.now();
    const afterPause = await make(again);
    say('paused: written', beganMs);
    await whenReady(again, afterPause);
    say('paused: decided', beganMs);
    process.kill(paused, 'SIGCONT');
    await until('b follows', deadlineMs, () =>
      tail(b.process.log, 200).includes('"leads":false,"leader"') ? true : undefined,
    );
    await whenReady(b, await make(b));
    const lists = await Promise.all([again, b].map(({ client }) => client.list(type)));
    for (const list of lists) expect(list.map(({ id }) => id)).toEqual([...made].sort());

    await again.process.stop();
    await b.process.stop();
    const file = `sqlite:${join(dir, 'a/data/server.db')}`;
    const said = await runCommand(process.execPath, [
      ...[commandBundle, 'store', 'copy', '--from', store, '--to', file],
    ]);
    expect(said).toMatch(/^copied and compared \d+ keys, \d+ bytes\n$/);
    const alone = await start(planeOf('a', 0, []));
    running.push(alone.process);
    const kept = await alone.client.list(type);
    expect(kept.map(({ id }) => id)).toEqual([...made].sort());
    await whenReady(alone, await make(alone));
  } finally {
    for (const one of running) await one.kill();
    await etcd.stop();
  }
});

function say(what: string, sinceMs: number): void {
  const ms = Math.round(performance.now() - sinceMs);
  process.stderr.write(`server processes: ${what} after ${ms} ms\n`);
}
