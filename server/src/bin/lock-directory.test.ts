/** One server and one agent to a data directory, whatever became of those before. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockDirectory } from './lock-directory.js';

let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lqx-lock-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A process that has the directory. */
async function holder(): Promise<ChildProcess> {
  const script = join(directory, 'holder.ts');
  const module = join(__dirname, 'lock-directory.ts');
  writeFileSync(
    script,
    `import { lockDirectory } from ${JSON.stringify(module)};
     lockDirectory(${JSON.stringify(directory)}, 'agent');
     // What nobody refers to any more is gone by now.
     globalThis.gc();
     process.send('locked');
     process.on('disconnect', () => process.exit());`,
  );
  const child = fork(script, {
    execArgv: ['--expose-gc', '--import', 'tsx', '--no-warnings'],
  });
  await once(child, 'message');
  return child;
}

it('is refused where another process has it, which is named, until that is killed', async () => {
  const child = await holder();
  const take = () => lockDirectory(directory, 'agent');
  expect(take).toThrow(
    expect.objectContaining({
      reason: 'DATA_DIRECTORY_IN_USE',
      message: expect.stringContaining(`process ${child.pid}; stop it (kill ${child.pid}, `),
    }),
  );
  child.kill('SIGKILL');
  await once(child, 'exit');
  take()();
}, 30_000);

it('is refused twice in one process, until it is given back', () => {
  const release = lockDirectory(directory, 'server');
  expect(() => lockDirectory(directory, 'server')).toThrow(`process ${process.pid}`);
  release();
  release();
  lockDirectory(directory, 'server')();
});

it('is shared by a server and an agent, and its files are for their user alone', () => {
  const releases = (['server', 'agent'] as const).map((role) => lockDirectory(directory, role));
  expect(statSync(join(directory, 'server.lock')).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory).sort()).toEqual(['agent.lock', 'server.lock']);
  for (const release of releases) release();
});
