import { contractTypes } from '../resource/type-registry.js';
import { parseManifests, parsePath, pathText } from './documents.js';

const mistakesOf = (text: string): string[] => {
  try {
    parseManifests('web.yaml', text);
  } catch (error) {
    const { violations } = error as { violations: { path: string; message: string }[] };
    return violations.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
};

it('reads several documents, lists of documents, and skips empty ones', () => {
  const text =
    '---\ntype: network\nname: a\n---\n---\n# nothing\n---\n[{"type": "vms", "name": "b"}]\n';
  const read = parseManifests('web.yaml', text);
  expect(read.map(({ type, resource }) => `${type.type}/${resource.name}`)).toEqual([
    'network/a',
    'vm/b',
  ]);
});

it('tells the line of an alias that stands for nothing, and bounds what aliases make', () => {
  expect(mistakesOf('type: vm\nname: *nope\n')).toEqual([
    'web.yaml:2: unresolved alias (the anchor must be set before the alias): nope',
  ]);
  const ten = (name: string) => `[${Array.from({ length: 10 }, () => `*${name}`).join()}]`;
  const bomb = `type: vm\na: &a [x]\nb: &b ${ten('a')}\nc: &c ${ten('b')}\nd: ${ten('c')}\n`;
  expect(mistakesOf(bomb)).toEqual([expect.stringMatching(/web.yaml:1: excessive alias count/)]);
});

it('tells the line where values are nested too deep for anyone', () => {
  const deep = `type: vm\nname: web\nlabels: ${'a: '.repeat(20_000)}x\n`;
  const message = 'web.yaml:3: values are nested more than 100 deep';
  expect(mistakesOf(deep)).toEqual([message]);
  expect(mistakesOf(`\n\n${'['.repeat(20_000)}`)).toEqual([message]);
});

it('tells every mistake of a file with its line', () => {
  const text = `type: vm
name: web
spec:
  disks:
    root:
      bus: scsi
      volume: { size_gib: big }
  cpus: 2
---
name: web
---
type: pool
---
just text
---
a: [
`;
  expect(mistakesOf(text)).toEqual([
    expect.stringMatching(/^web.yaml:6: spec.disks\["root"\].bus must be one of .*virtio_scsi/),
    'web.yaml:7: spec.disks["root"].volume.size_gib must be a whole number, not "big"',
    'web.yaml:8: spec.cpus is not a field here; did you mean "cpu"?',
    'web.yaml:10: type is missing; a document says what it is, such as type: vm',
    'web.yaml:12: there is no type "pool"; did you mean "storage_pool"?',
    'web.yaml:14: must be a document with type, name and spec',
    expect.stringMatching(/^web.yaml:1[67]: flow sequence in block collection/),
  ]);
});

it('finds the place of a path, or what is nearest above it', () => {
  const [manifest] = parseManifests(
    'f',
    'type: vm\nname: web\nspec:\n  nics:\n    lan:\n      port: {}\n',
  );
  const placeOf = (path: string) => manifest?.placeOf(parsePath(path));
  expect(placeOf('spec.nics["lan"].port.network_id')).toBe('f:6');
  expect(placeOf('spec.cpu.cores')).toBe('f:3');
  expect(placeOf('name')).toBe('f:2');
});

it('writes and reads paths as the API does', () => {
  const path = ['spec', 'disks', 'a "b"', 'volume', 'size_gib'];
  const text = 'spec.disks["a \\"b\\""].volume.size_gib';
  expect(pathText(contractTypes.get('vm'), path)).toBe(text);
  expect(parsePath(text)).toEqual(path);
  expect(parsePath('spec.placement.required_node_ids[1]')).toEqual([
    'spec',
    'placement',
    'required_node_ids',
    1,
  ]);
});
