/** The commands that change resources: apply, diff, edit, wait, delete, with what they tell. */
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandLine } from '../harness/command-line.js';
import { emptyImage } from '../harness/empty-image.js';

jest.setTimeout(60_000);

let command: CommandLine;
beforeAll(async () => {
  command = await CommandLine.start();
});
afterAll(() => command.stop());

const run = (args: readonly string[], stdin = '', env = {}) => command.run(args, { stdin, env });
const apply = (text: string, ...more: string[]) => run(['apply', '-f', '-', ...more], text);

const network = (name: string) => `type: network
name: ${name}
spec:
  ipv4: { cidr: 10.9.0.0/24 }
`;
const machine = (
  name: string,
  changes: { cores?: number; label?: string; network?: string } = {},
) => {
  const { cores = 1, label = 'web', network: lan = 'lan' } = changes;
  return `type: vm
name: ${name}
labels: { app: ${label} }
spec:
  power_state: stopped
  cpu: { cores: ${cores} }
  memory: { size_mib: 64 }
  nics:
    lan: { port: { network_id: ${lan} } }
`;
};

it('applies: creates, leaves alone, configures, and tells what a change costs', async () => {
  const both = `${machine('web')}---\n${network('lan')}`;
  const dry = await apply(both, '--dry-run');
  expect(dry.stdout).toBe(
    'network/lan would be created\nvm/web would be created\n  placed when what it refers to is there\n',
  );
  expect(await apply(both)).toEqual({
    code: 0,
    stdout: 'network/lan created\nvm/web created\n',
    stderr: '',
  });
  expect((await apply(both)).stdout).toBe('network/lan unchanged\nvm/web unchanged\n');
  const next = machine('web', { cores: 2, label: 'api' });
  const diff = await run(['diff', '-f', '-'], next);
  expect(diff.code).toBe(8);
  expect(diff.stdout).toMatch(/^--- vm\/web\n\+\+\+ vm\/web \(stdin:1\)\n@@ -2,11 \+2,11 @@\n/);
  expect(diff.stdout).toContain('-  app: web\n+  app: api\n');
  expect(diff.stdout).toContain('-    cores: 1\n+    cores: 2\n');
  const refused = await apply(next, '--allow-disruption', 'live');
  expect(refused.code).toBe(5);
  expect(refused.stderr).toContain('stdin:6: vm/web: spec.cpu.cores restarts it, if it runs');
  const [said, node] = (await apply(next, '--dry-run')).stdout.split('  on node ');
  expect(said).toBe(
    'vm/web would be configured\n  labels["app"] web → api\n  spec.cpu.cores 1 → 2: restarts it, if it runs\n',
  );
  expect(node).toMatch(/^(sim-\d)\n {2}\1: it is there\n$/);
  expect((await apply(next)).stdout).toBe('vm/web configured: restarts it, if it runs\n');
  expect(await run(['diff', '-f', '-'], next)).toEqual({ code: 0, stdout: '', stderr: '' });
});

it('keeps projects apart', async () => {
  const lan = network('lan');
  const other = lan.replace('name: lan\n', 'name: lan\nproject_id: other\n');
  const mine = `type: project\nname: other\nspec: {}\n`;
  await apply(lan);
  expect((await apply(`${other}---\n${mine}`)).stdout).toBe(
    'project/other created\nnetwork/lan created\n',
  );
  expect((await apply(`${other}---\n${mine}`)).stdout).toBe(
    'project/other unchanged\nnetwork/lan unchanged\n',
  );
  const inOther = await run(['get', 'networks', '--project', 'other', '-o', 'name']);
  expect(inOther.stdout).toBe('network/lan\n');
  const several = await run(['get', 'network', 'lan']);
  expect([several.code, several.stderr]).toEqual([
    5,
    expect.stringMatching(/several projects have a network named lan; give --project/),
  ]);
  const empty = await run(['get', 'vms', '--filter', 'name=none'], '', {
    LIMIQUANTIX_PROJECT: 'other',
  });
  expect(empty.stderr).toBe('there are no vms that match\n');
  const none = await run(['get', 'vms'], '', { LIMIQUANTIX_PROJECT: 'other' });
  expect(none.stderr).toBe('there are no vms in project other; -A shows those of all projects\n');
  const gone = await run(['delete', 'network/lan', 'project/other', '--project', 'other']);
  expect(gone.stdout).toBe('network/lan deleted\nproject/other deleted\n');
});

it.each(['yaml', 'json'])('changes nothing by applying what get printed as %s', async (format) => {
  await apply(`${network('lan')}---\n${machine('round')}`);
  const { stdout } = await run(['get', 'vms,networks,nodes,ports', '-o', format]);
  const again = await apply(stdout);
  expect(again.stderr).toBe('');
  expect(again.stdout.trim().split('\n')).toEqual(expect.arrayContaining(['vm/round unchanged']));
  expect(again.stdout).not.toMatch(/created|configured/);
});

it('refuses what can not change before anything is sent, with its line', async () => {
  await apply(
    `${network('lan')}---\n${network('other').replace('10.9', '10.8')}---\n${machine('fixed')}`,
  );
  const { code, stdout, stderr } = await apply(
    `${network('third').replace('10.9', '10.7')}---\n${machine('fixed', { network: 'other' })}`,
  );
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(
    /stdin:14: spec.nics\["lan"\].port.network_id can't change after creation/,
  );
  expect((await run(['get', 'network', 'third'])).code).toBe(3);
});

it('says what was not sent when one in the middle is refused', async () => {
  const huge = machine('huge', { cores: 512 });
  const { code, stdout, stderr } = await apply(
    `${network('lan')}---\n${huge}---\n${machine('after')}`,
  );
  expect([code, stdout]).toEqual([
    5,
    expect.stringMatching(/^network\/lan (created|unchanged)\n$/),
  ]);
  expect(stderr).toMatch(
    /^not sent: vm\/after\nlimiquantix: vm\/huge was refused\n {2}stdin:11: spec.cpu/,
  );
});

it('refuses a file that is older than what is there, and says how to go on', async () => {
  await apply(`${network('lan')}---\n${machine('stale')}`);
  const { stdout: old } = await run(['get', 'vm', 'stale', '-o', 'yaml']);
  await apply(machine('stale', { label: 'theirs' }));
  const { code, stderr } = await apply(old.replace('app: web', 'app: mine'));
  expect(code).toBe(5);
  expect(stderr).toContain('without the line "etag:" the file is applied over it');
});

it('uploads the file that a document names, once, and needs it no more afterwards', async () => {
  const path = emptyImage(join(command.directory, 'guest.qcow2'));
  const image = (more = '', file = path) =>
    `type: image\nname: guest\nspec:\n  source:\n    upload: { file: ${file}${more} }\n`;
  const missing = await apply(image('', '/no/such/file'));
  expect([missing.code, missing.stdout]).toEqual([2, '']);
  expect(missing.stderr).toContain(
    'stdin:5: spec.source.upload.file names "/no/such/file", which can\'t be read: there is no such file',
  );
  const other = await apply(image(`, sha256: ${'ab'.repeat(32)}`));
  expect(other.stderr).toMatch(
    /spec.source.upload.sha256 is (ab){32}, but the file ".*" has [0-9a-f]{64}/,
  );
  expect(await apply(image())).toEqual({
    code: 0,
    stdout: 'image/guest created\nimage/guest uploaded\n',
    stderr: '',
  });
  expect((await run(['wait', 'image/guest', '--timeout', '30s'])).code).toBe(0);
  expect((await apply(image())).stdout).toBe('image/guest unchanged\n');
  const { stdout: printed } = await run(['get', 'image', 'guest', '-o', 'yaml']);
  await rm(path);
  expect((await apply(printed)).stdout).toBe('image/guest unchanged\n');
});

describe('edit', () => {
  /** An editor that runs a line of shell on the file `$1`. */
  async function editor(line: string): Promise<{ EDITOR: string }> {
    const path = join(command.directory, 'editor.sh');
    await writeFile(path, `#!/bin/sh\n${line}\n`);
    await chmod(path, 0o700);
    return { EDITOR: path };
  }
  beforeAll(() => apply(`${network('lan')}---\n${machine('edited')}`));

  it('sends what was changed', async () => {
    const env = await editor(`sed -i 's/cores: 1/cores: 2/' "$1"`);
    const { code, stdout } = await run(['edit', 'vm', 'edited'], '', env);
    expect([code, stdout]).toEqual([0, 'vm/edited edited: restarts it, if it runs\n']);
  });

  it('sends nothing where nothing was changed', async () => {
    const { code, stdout } = await run(['edit', 'vm/edited'], '', await editor('true'));
    expect([code, stdout]).toEqual([0, 'vm/edited unchanged\n']);
  });

  it('opens again with the mistake, and keeps the text', async () => {
    const seen = join(command.directory, 'seen');
    const env = await editor(`cat "$1" >> ${seen}; sed -i 's/cores: 2/cores: two/' "$1"`);
    const { code, stderr } = await run(['edit', 'vm', 'edited'], '', env);
    expect(code).toBe(2);
    expect(await readFile(seen, 'utf8')).toMatch(
      /#>.*spec.cpu.cores must be a whole number, not "two"/,
    );
    const kept = /your text is in (\S+);/.exec(stderr)?.[1] ?? '';
    expect(await readFile(kept, 'utf8')).toContain('cores: two');
  });

  it('keeps the text where somebody else was faster, ready to be applied', async () => {
    const file = join(command.directory, 'theirs.yaml');
    await run(['get', 'vm', 'edited', '-o', 'yaml']);
    await writeFile(file, machine('edited', { label: 'theirs', cores: 2 }));
    const bin = join(__dirname, '../../server/src/bin/main.ts');
    const tsx = join(__dirname, '../../node_modules/.bin/tsx');
    const env = await editor(
      `LIMIQUANTIX_PROFILE=${command.server.profilePath} ${tsx} ${bin} apply -f ${file} >/dev/null; sed -i 's/size_mib: 64/size_mib: 128/' "$1"`,
    );
    const { code, stderr } = await run(['edit', 'vm', 'edited'], '', env);
    expect(code).toBe(5);
    expect(stderr).toContain('vm/edited was changed meanwhile by someone else; nothing was sent.');
    const kept = /apply -f (\S+)/.exec(stderr)?.[1] ?? '';
    const applied = await run(['apply', '-f', kept]);
    expect(applied.stdout).toBe('vm/edited configured: restarts it, if it runs\n');
  });

  it('says it where there is no editor', async () => {
    const { code, stderr } = await run(['edit', 'vm', 'edited'], '', { EDITOR: 'no-such-editor' });
    expect(code).toBe(5);
    expect(stderr).toMatch(/the editor "no-such-editor" ended with 127; set EDITOR/);
  });
});

it('waits for conditions, fields and the end', async () => {
  await apply(`${network('lan')}---\n${machine('waited').replace('stopped', 'running')}`);
  expect(await run(['wait', 'vm/waited', '--timeout', '30s'])).toEqual({
    code: 0,
    stdout: 'vm/waited condition=Ready\n',
    stderr: '',
  });
  const phase = await run(['wait', 'vm', 'waited', '--for', 'status.phase=running']);
  expect(phase.stdout).toBe('vm/waited status.phase=running\n');
  const late = await run([
    'wait',
    'vm',
    'waited',
    '--for',
    'status.phase=stopped',
    '--timeout',
    '0s',
  ]);
  expect(late.code).toBe(6);
  expect(late.stderr).toMatch(/vm\/waited did not come to status.phase=stopped in time/);
  const wrong = await run(['wait', 'vm', 'waited', '--for', 'status.phas=stopped']);
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    expect.stringContaining('did you mean "status.phase"'),
  ]);
  const gone = run(['wait', 'vm', 'waited', '--for', 'deleted']);
  expect((await run(['delete', 'vm', 'waited', '--no-wait'])).stdout).toBe(
    'vm/waited deletion requested\n',
  );
  expect((await gone).stdout).toBe('vm/waited deleted\n');
  expect((await run(['wait', 'vm', 'waited', '--for', 'deleted'])).stdout).toBe(
    'vm/waited deleted\n',
  );
});
