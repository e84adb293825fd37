/**
 * Every attribute of every resource, tried alone: what its change plans, that it applies, that the
 * plan is empty then, and that a change by somebody else is seen as just that. Made from the
 * contract: a new field is tested by being there. `TYPE=vm` picks one type, `FIELD=cpu.cores` a path.
 */
import { updateMask } from '../../provider/src/engine/mask.js';
import { resourceToMessage } from '../../provider/src/engine/to-message.js';
import { resourceShapes } from '../../provider/src/schema/all-shapes.js';
import type { ResourceShape } from '../../provider/src/schema/resource-shape.js';
import {
  type ObjectValue,
  sameValue,
  UNKNOWN,
  type Value,
} from '../../provider/src/value/value.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { type Case, casesOf, isImmutable, valueAt, withValue } from './cases.js';
import { elsewhere, refused, siblings } from './hints.js';
import { GeneratedInstallation } from './installation.js';
import { nameOf } from './samples.js';
import { differences, type State } from './terraform-core.js';

jest.setTimeout(60_000);

let installation: GeneratedInstallation;
beforeAll(async () => {
  installation = await GeneratedInstallation.up();
});
afterAll(() => installation.down());

const types = [...resourceShapes()]
  .map(([typeName, shapeOf]) => ({ typeName, shape: shapeOf() }))
  .filter(({ shape }) => [undefined, shape.type].includes(process.env['TYPE']));

describe.each(types)('$typeName', ({ typeName, shape }) => {
  const cases = casesOf(typeName).filter(({ path }) =>
    [undefined, path].includes(process.env['FIELD']),
  );
  let base: ObjectValue;
  let state: State;

  /** Applies a configuration and sees that nothing is left to change then. */
  const become = async (config: ObjectValue): Promise<void> => {
    const next = await installation.core.change(shape, state, config);
    if (next === null) throw new Error('nothing is there after apply');
    state = next;
    await expectNoChange(config);
  };
  const expectNoChange = async (config: ObjectValue): Promise<void> => {
    const { planned, replace } = await installation.core.plan(shape, state, config);
    expect(replace).toEqual([]);
    expect(differences(state.value, planned)).toEqual([]);
  };

  test('is created with what it needs, imported, and nothing is left to change', async () => {
    base = await installation.least(shape, `the-${shape.type.replaceAll('_', '-')}`);
    expect(await installation.core.errors(shape, base)).toEqual([]);
    const created = await installation.core.change(shape, null, base);
    if (created === null) throw new Error('nothing was created');
    state = created;
    await expectNoChange(base);
    const imported = await installation.core.import(shape, String(state.value['id']));
    const { planned } = await installation.core.plan(shape, imported, base);
    expect(differences(imported?.value ?? null, planned).filter(isIntent)).toEqual([]);
    expect(await installation.core.read(shape, state)).toMatchObject({
      value: { id: state.value['id'] },
    });
  });

  test.each(cases)('$path may be unknown', async (one) => {
    if (isRefused(shape, one)) return;
    const config = await configWith(base, one, UNKNOWN);
    if (config === undefined) return;
    expect(await installation.core.errors(shape, config)).toEqual([]);
    const { planned } = await installation.core.plan(shape, null, config);
    if (one.chain.at(-1)?.role === 'field') expect(valueAt(planned, one.chain)).toBe(UNKNOWN);
  });

  test.each(cases)('$path is changed alone', async (one) => {
    if (isTriedElsewhere(shape, one)) return;
    for (const value of await twoValues(one, base)) {
      const config = await configWith(base, one, value);
      if (config === undefined) return;
      expect(await installation.core.errors(shape, config)).toEqual([]);
      const plan = await installation.core.plan(shape, state, config);
      if (plan.replace.length > 0) {
        expect(isImmutable(one) || plan.replace.length > 0).toBe(true);
        return;
      }
      const changed = differences(state.value, plan.planned).filter(isIntent);
      expect(changed.filter((path) => !belongs(path, one))).toEqual([]);
      if (changed.length === 0) continue;
      await become(config);
      if (!isSecret(one) && !isGrowOnly(one)) await changeOutside(config);
    }
    if (isGrowOnly(one)) base = rebased(base, state, one);
    else await become(base);
  });

  test('is destroyed, and nothing is left', async () => {
    expect(await installation.core.change(shape, state, null)).toBeNull();
    const left = await installation.client.list(contractTypes.get(shape.type));
    expect(left.map(({ id }) => id)).not.toContain(state.value['id']);
  });

  /** Somebody else sets what the least configuration has; Terraform sees that and sets it back. */
  const changeOutside = async (config: ObjectValue): Promise<void> => {
    const mask = updateMask(shape, config, base);
    if (mask.length === 0) return;
    const { message } = resourceToMessage(shape, base);
    message.id = String(state.value['id']);
    const type = contractTypes.get(shape.type);
    await installation.client.update(type, message as unknown as AnyResource, mask);
    const seen = await installation.core.read(shape, state);
    if (seen === null) throw new Error('it is gone');
    const expected = differences(state.value, base).filter(isIntent);
    const drift = differences(seen.value, state.value).filter(isIntent);
    expect(drift.length).toBeGreaterThan(0);
    expect(drift.filter((path) => !expected.some((other) => related(path, other)))).toEqual([]);
    state = seen;
    await become(config);
  };
});

const isIntent = (path: string): boolean => !/^(status|timeouts|allow_disruption)(\.|$)/.test(path);
const isSecret = ({ chain }: Case): boolean => chain.at(-1)?.role === 'secret';
const isGrowOnly = ({ chain }: Case): boolean => chain.at(-1)?.behavior.growOnly ?? false;
const related = (a: string, b: string): boolean =>
  a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`);

/** Whether a changed path is the case's, or of what had to be made or taken away for it. */
function belongs(path: string, { chain }: Case): boolean {
  const steps = path.split('.');
  const names = chain.map(({ name }) => name);
  const [first = ''] = steps;
  if (first === names[0] || first === `${names[0]}_version`) return true;
  return isAlternative(first, chain[0]);
}

function isAlternative(name: string, attribute: Case['chain'][number] | undefined): boolean {
  return attribute?.field?.oneof?.fields.some((field) => field.name === name) ?? false;
}

const isRefused = ({ type }: ResourceShape, { path }: Case): boolean =>
  refused.some((other) => `${type} ${path}`.startsWith(`${other}.`));

const isTriedElsewhere = ({ type }: ResourceShape, { path }: Case): boolean =>
  Object.keys(elsewhere).some((other) => `${type} ${path}.`.startsWith(`${other}.`));

/** Two values that differ from what is there. */
async function twoValues({ chain }: Case, base: ObjectValue): Promise<readonly Value[]> {
  const last = chain.at(-1);
  if (last === undefined) return [];
  const now = valueAt(base, chain);
  const values: Value[] = [];
  for (let n = 0; n < 4 && values.length < 2; n += 1) {
    const value = await installation.samples.value(last, n);
    const isNew = !sameValue(value, now) && !values.some((other) => sameValue(other, value));
    if (isNew) values.push(value);
  }
  return last.behavior.growOnly ? values.toSorted((a, b) => Number(a) - Number(b)) : values;
}

const siblingsOf = (attribute: Case['chain'][number]) => siblings[nameOf(attribute)] ?? {};

/** The configuration with a case's value and what must go with it; undefined where it can't be. */
async function configWith(
  base: ObjectValue,
  { chain }: Case,
  value: Value,
): Promise<ObjectValue | undefined> {
  const least = (of: Parameters<GeneratedInstallation['samples']['least']>[0]) =>
    installation.samples.least(of, 0);
  let config = await withValue(base, chain, value, least);
  const last = chain.at(-1);
  if (last?.role === 'secret') {
    const version = { ...last, name: `${last.name}_version` };
    config = await withValue(config, [...chain.slice(0, -1), version], 1, least);
  }
  for (const [name, given] of Object.entries(last === undefined ? {} : siblingsOf(last))) {
    const sibling = { ...last, name, field: undefined } as Case['chain'][number];
    config = await withValue(config, [...chain.slice(0, -1), sibling], given, least);
  }
  return config;
}

function rebased(base: ObjectValue, { value }: State, { chain }: Case): ObjectValue {
  const [first] = chain;
  return first === undefined ? base : { ...base, [first.name]: value[first.name] ?? null };
}
