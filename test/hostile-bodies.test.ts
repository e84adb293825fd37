/** Bodies of a few MiB that would be gigabytes of objects: refused by every protocol, cheaply. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { HostileOutcome } from './harness/hostile-bodies.js';

/** Bodies themselves, kept a few times over by client and server, and the parts that are counted. */
const grownMebibytesMax = 160;

test('a body of millions of parts is refused, whoever sends it, and takes no memory to speak of', async () => {
  const child = fork(join(__dirname, 'harness', 'hostile-bodies.ts'), {
    execArgv: ['--import', 'tsx', '--disable-warning=ExperimentalWarning'],
  });
  const exited = once(child, 'exit');
  const [outcome] = await Promise.race([once(child, 'message'), exited]);
  await exited;
  const { answers, grownMebibytes } = outcome as HostileOutcome;
  const wanted = Object.keys(answers).map((name) => {
    const isConnect = name.startsWith('connect');
    if (name.endsWith('by nobody')) return [name, isConnect ? '401 unauthenticated' : '200 16'];
    return [name, isConnect ? '429 resource_exhausted' : '200 8'];
  });
  expect(Object.keys(answers)).toHaveLength(16);
  expect(answers).toEqual(Object.fromEntries(wanted));
  expect(grownMebibytes).toBeLessThan(grownMebibytesMax);
}, 60_000);
