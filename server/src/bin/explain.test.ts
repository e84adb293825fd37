import { parseFilter } from '../api/filter.js';
import { contractTypes } from '../resource/type-registry.js';
import type { Cli } from './cli.js';
import { explain, listTypes } from './explain.js';
import { parseGoal } from './wait.js';

function outputOf(act: (cli: Cli) => void): string {
  let text = '';
  const stdout = {
    isTerminal: false,
    write: (more: string) => {
      text += more;
    },
  };
  act({ env: {}, stdout } as unknown as Cli);
  return text;
}

const explained = (word: string, isRecursive = false) =>
  outputOf((cli) => explain(cli, word, { isRecursive }));

it.each(['vm.spec.cpu.cores', 'vm.cpu.cores', 'VMs.cpu.cores'])('explains %s', (word) => {
  expect(explained(word)).toBe(`Field:       vm.spec.cpu.cores
Kind:        whole number
Required:    yes
Rules:       1 to 512
Changing it: restarts what runs

Cores of each socket.
`);
});

it('explains words, secrets, references, units, alternatives and what LimiQuantix sets', () => {
  expect(explained('vm.power_state')).toMatch(
    /^Default: +running\n[\s\S]*Values\n {2}running +It runs\.\n/m,
  );
  expect(explained('vm.power_state')).not.toContain('crashed');
  expect(explained('vm.display.vnc.password')).toMatch(
    /^Secret: +yes: it is taken and never shown$/m,
  );
  expect(explained('vm.disks["root"].volume.pool_id')).toMatch(/^Refers to: +storage_pool$/m);
  expect(explained('vm.memory.size_mib')).toMatch(/^Unit: +MiB$/m);
  expect(explained('vm.disks.volume_id')).toMatch(/^Instead of: +volume$/m);
  expect(explained('vm.status.node_id')).toMatch(/^Set by: +LimiQuantix$/m);
  expect(explained('vm.disks')).toMatch(/^ {2}bus <word>\n {6}The controller/m);
});

it('explains every field of every type, and lists them all', () => {
  for (const { type } of contractTypes.types) {
    expect(explained(type)).toMatch(/^Type: /);
    expect(explained(type, true).length).toBeGreaterThan(explained(type).split('\n').length);
  }
  expect(outputOf(listTypes).trim().split('\n')).toHaveLength(contractTypes.types.length);
});

it.each(contractTypes.types)('shows filters that $plural take', (type) => {
  const filters = [...explained(type.type).matchAll(/--filter '(.*)'$/gm)].map(
    ([, one = '']) => one,
  );
  expect(filters).toHaveLength(2);
  for (const filter of filters) parseFilter(type, { filter, projectId: '' }, 'list');
});

it.each([
  ['vm.cpus', 'vm has no field "cpus"; did you mean "cpu"?'],
  ['vm.spec.cpu.cors', 'vm.spec.cpu has no field "cors"; did you mean "cores"?'],
  ['vm.name.x', 'vm.name has no fields'],
  ['vn', 'there is no type "vn"; did you mean "vm"?'],
])('refuses %s', (word, message) => {
  expect(() => explained(word)).toThrow(message);
});

it('reads what is waited for', () => {
  expect(parseGoal('delete')).toEqual({ kind: 'gone' });
  expect(parseGoal('condition=Ready')).toMatchObject({
    kind: 'condition',
    name: 'Ready',
    status: 1,
  });
  expect(parseGoal('condition=Ready=failed')).toMatchObject({ status: 3 });
  expect(parseGoal('labels.a=b=c')).toEqual({ kind: 'field', path: 'labels.a', value: 'b=c' });
  for (const text of ['', 'ready', 'condition=', 'condition=Ready=maybe', '=x']) {
    expect(() => parseGoal(text)).toThrow('is nothing to wait for');
  }
});
