import { create } from '@bufbuild/protobuf';
import { VirtualMachineSchema } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { parseFilter } from '../../api/filter.js';
import type { AnyResource } from '../../resource/resource.js';
import { contractTypes } from '../../resource/type-registry.js';
import { selectorTerms } from './selector.js';

const machines: readonly AnyResource[] = [
  ['web', { app: 'web', env: 'a', 'example.org/team': 'x' }],
  ['db', { app: 'db', env: 'b' }],
  ['bare', {}],
].map(([name, labels]) => create(VirtualMachineSchema, { name, labels } as object));

const selected = (selector: string): string[] => {
  const filter = selectorTerms(selector).join(' AND ');
  const passes = parseFilter(contractTypes.get('vm'), { filter, projectId: '' }, 'list');
  return machines.filter((one) => passes?.(one) !== false).map(({ name }) => name);
};

test.each([
  ['app=web', ['web']],
  ['app==web', ['web']],
  ['app = web', ['web']],
  ['app!=web', ['db', 'bare']],
  ['app in (web, db)', ['web', 'db']],
  ['app in (web),env=a', ['web']],
  ['app notin (web)', ['db', 'bare']],
  ['app', ['web', 'db']],
  ['!app', ['bare']],
  ['example.org/team', ['web']],
  ['example.org/team=x', ['web']],
  ['example.org/team!=x,app', ['db']],
  ['app=', []],
  ['env in (a, b),app notin (db)', ['web']],
  ['', ['web', 'db', 'bare']],
])('%s selects %j', (selector, names) => {
  expect(selected(selector)).toEqual(names);
});

test.each(['app in web', 'app in (web', '=web', '!', 'app ! web', 'app=web tier', 'a b'])(
  '%s is refused, or compared as a whole',
  (selector) => {
    if (selector.startsWith('app=')) expect(selected(selector)).toEqual([]);
    else expect(() => selectorTerms(selector)).toThrow(/is no requirement of labels; give app=web/);
  },
);
