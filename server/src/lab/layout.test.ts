import { labError } from './error.js';
import { layOutLab, nodesMax } from './layout.js';

describe('layOutLab', () => {
  const layout = (over: Partial<Parameters<typeof layOutLab>[0]> = {}) =>
    layOutLab({ name: 'lqx', dir: '/tmp/lab', nodes: 2, ...over });

  it('gives every host its own names, addresses and folder', () => {
    const { nodes } = layout({ nodes: nodesMax });
    for (const key of ['name', 'namespace', 'dir', 'managementAddress', 'underlayPeer'] as const) {
      expect(new Set(nodes.map((node) => node[key])).size).toBe(nodesMax);
    }
  });

  it('lays out the same lab again for the same name and folder', () => {
    expect(layout()).toEqual(layout());
  });

  it('tells two labs apart', () => {
    const [a, b] = [layout(), layout({ name: 'other' })];
    expect(a.central.namespace).not.toBe(b.central.namespace);
    expect(a.endpoint).not.toBe(b.endpoint);
  });

  it.each([
    ['no node', { nodes: 0 }],
    ['too many nodes', { nodes: nodesMax + 1 }],
    ['half a node', { nodes: 1.5 }],
    ['a name with capitals', { name: 'Lab' }],
    ['a name too long for namespaces', { name: 'a'.repeat(21) }],
    ['a folder with a space', { dir: '/tmp/my lab' }],
    ['a folder that hosts would not see', { dir: '/run/lab' }],
    ['a folder too long for sockets', { dir: `/tmp/${'x'.repeat(100)}` }],
  ])('refuses %s', (_, over) => {
    expect(() => layout(over)).toThrow(labError('').constructor as ErrorConstructor);
  });
});
