/**
 * Every rule of the contract, broken alone: the provider says of a configuration what the server
 * says of the request that it would become, in the same words and at the same attribute. Made from
 * the contract: a new rule is tested by being there. `TYPE=vm` picks one type.
 */
import { ConnectError } from '@connectrpc/connect';
import { BadRequestSchema } from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { locate } from '../../provider/src/engine/locate.js';
import { resourceToMessage } from '../../provider/src/engine/to-message.js';
import { invalid } from '../../provider/src/engine/validate.js';
import { resourceShapes } from '../../provider/src/schema/all-shapes.js';
import type { ResourceShape } from '../../provider/src/schema/resource-shape.js';
import type { ObjectValue } from '../../provider/src/value/value.js';
import type { AnyResource } from '../../server/src/resource/resource.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { badObjects, badValues } from './bad-values.js';
import { type Case, casesOf, valueAt, withValue } from './cases.js';
import { siblings } from './hints.js';
import { GeneratedInstallation } from './installation.js';
import { nameOf } from './samples.js';

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
  let base: ObjectValue;
  beforeAll(async () => {
    base = { ...(await least(shape.object)), name: 'one' };
  });

  const cases = casesOf(typeName).filter(({ chain }) => badValuesAt(chain).length > 0);
  test.each(cases)('$path', async ({ chain }) => {
    const good = await configWith(chain);
    for (const bad of badValuesAt(chain)) {
      const value = bad.break(valueAt(good, chain));
      await expectSameWords(bad.rule, await withValue(good, chain, value, least));
    }
  });

  test('as a whole', async () => {
    for (const bad of badObjects({ ...shape.spec })) {
      await expectSameWords(bad.rule, bad.break(base) as ObjectValue);
    }
  });

  const least = (of: ResourceShape['object']) => installation.samples.least(of, 0);

  /** The least configuration with a good value of an attribute, and what must be set beside it. */
  const configWith = async (chain: Case['chain']): Promise<ObjectValue> => {
    const last = chain.at(-1);
    if (last === undefined) return base;
    let config = base;
    for (const [name, value] of Object.entries(siblings[nameOf(last)] ?? {})) {
      const sibling = { ...last, name };
      config = await withValue(config, [...chain.slice(0, -1), sibling], value, least);
    }
    const good = valueAt(config, chain) ?? (await installation.samples.value(last, 0));
    return withValue(config, chain, good, least);
  };

  const expectSameWords = async (rule: string, config: ObjectValue): Promise<void> => {
    const planned = await installation.core.errors(shape, config);
    const answered = await refusal(shape, config);
    expect({ rule, told: planned }).toEqual({ rule, told: answered });
    expect({ rule, count: answered.length }).not.toEqual({ rule, count: 0 });
  };
});

function badValuesAt(chain: Case['chain']): ReturnType<typeof badValues> {
  const last = chain.at(-1);
  return last === undefined ? [] : badValues(last);
}

/** What the server answers to the request that a configuration would become. */
async function refusal(shape: ResourceShape, config: ObjectValue): Promise<string[]> {
  const { message } = resourceToMessage(shape, config);
  try {
    const type = contractTypes.get(shape.type);
    await installation.client.create(type, message as unknown as AnyResource);
    return [];
  } catch (error) {
    const [details] = ConnectError.from(error).findDetails(BadRequestSchema);
    if (details === undefined) throw error;
    return details.fieldViolations.map(({ field, description }) => {
      const { summary, detail } = invalid(locate(shape, field), description);
      return `${summary}: ${detail}`;
    });
  }
}
