import { pathText } from '../value/path.js';
import { shapeOf } from './engine-testing.js';
import { locate } from './locate.js';

const vm = shapeOf('vm');

test.each([
  ['spec.disks["root"].volume.size_gib', 'disks["root"].volume.size_gib'],
  ['vm.spec.cpu.cores', 'cpu.cores'],
  ['name', 'name'],
  ['vm.labels["a"]', 'labels["a"]'],
  ['spec.display.vnc.password', 'display.vnc.password_wo'],
  ['spec.placement.required_node_ids[2]', 'placement.required_node_ids'],
  ['spec.nowhere.at_all', ''],
  ['spec', ''],
  ['', ''],
])('%s is %s', (fieldPath, expected) => {
  expect(pathText(locate(vm, fieldPath))).toBe(expected);
});
