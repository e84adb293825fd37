/**
 * A refresh of many: what is as it was is told from revisions alone, and what somebody changed is
 * seen all the same.
 */
import { resourceShapes } from '../../provider/src/schema/all-shapes.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { GeneratedInstallation } from './installation.js';
import type { State } from './terraform-core.js';

jest.setTimeout(60_000);

/** Enough for the provider to list instead of reading one by one. */
const count = 12;

let installation: GeneratedInstallation;
beforeAll(async () => {
  installation = await GeneratedInstallation.up();
});
afterAll(() => installation.down());

test.each(['address_set', 'port'])(
  'of a dozen of %s shows what changed, and no more',
  async (type) => {
    const shape = resourceShapes().get(`limiquantix_${type}`)?.();
    if (shape === undefined) throw new Error(`no ${type}`);
    const states: State[] = [];
    for (let i = 0; i < count; i++) {
      const config = await installation.least(shape, `one-of-many-${i}`);
      const state = await installation.core.change(shape, null, config);
      if (state !== null) states.push(state);
    }
    const refresh = () => Promise.all(states.map((state) => installation.core.read(shape, state)));
    const settled = await refresh();
    states.splice(0, count, ...settled.flatMap((state) => state ?? []));
    expect(await refresh()).toEqual(states);

    const { id } = states[4]?.value ?? {};
    const change = { id, description: 'somebody else' } as unknown as AnyResource;
    await installation.client.update(contractTypes.get(type), change, ['description']);
    await installation.core.change(shape, states[7] ?? null, null);

    const after = await refresh();
    const differing = after.flatMap((state, i) =>
      JSON.stringify(state?.value) === JSON.stringify(states[i]?.value) ? [] : [i],
    );
    expect(differing).toEqual([4, 7]);
    expect(after[4]?.value['description']).toBe('somebody else');
    expect(after[7]).toBeNull();
  },
);
