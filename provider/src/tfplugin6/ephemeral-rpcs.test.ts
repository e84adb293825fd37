/** The life of ephemeral resources by the protocol, with a control plane that is a function. */
import { create, type DescMethod, type Message, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Api, ApiError } from '../engine/api.js';
import { memoryFiles } from '../engine/engine-testing.js';
import { ephemeralShapes } from '../schema/ephemeral-shape.js';
import { decodeObject, encodeDynamic } from './dynamic-value.js';
import { ephemeralRpcs } from './ephemeral-rpcs.js';
import { Session } from './session.js';

const token = 'limiquantix_api_token';
const ticket = 'limiquantix_console_ticket';
const minute = 60_000;

type Answers = Readonly<Record<string, (request: Record<string, unknown>) => object>>;

/** A session whose control plane answers by name; others are refused. */
function start(answers: Answers) {
  const calls: [string, Record<string, unknown>, unknown][] = [];
  const call: Api['call'] = async (method: DescMethod, request: Message, options) => {
    const given = request as Message & Record<string, unknown>;
    calls.push([method.name, given, options]);
    const answer = answers[method.name];
    if (answer === undefined) {
      const message = `${method.name} is not supported: no driver connects to consoles`;
      throw new ApiError({
        code: 'unimplemented',
        reason: 'NOT_SUPPORTED',
        message,
        violations: [],
      });
    }
    return create(method.output, answer(given) as MessageInitShape<typeof method.output>);
  };
  const session = new Session({
    files: memoryFiles({}),
    newRequestId: () => 'r',
    nowMs: () => 1_000_000,
    sleep: () => Promise.resolve(),
  });
  session.configure({ api: { call } as Api, disruptionLimit: undefined });
  return { session, rpcs: ephemeralRpcs(session), calls };
}

const shapeOf = (typeName: string) => {
  const shape = ephemeralShapes().get(typeName)?.();
  if (shape === undefined) throw new Error(`no ${typeName}`);
  return shape;
};

function config(typeName: string, given: Record<string, string | number> = {}) {
  const { object } = shapeOf(typeName);
  const nulls = Object.fromEntries(object.attributes.map(({ name }) => [name, null]));
  return encodeDynamic({ ...nulls, ...given });
}

const good: Answers = {
  IssueShortLivedApiToken: ({ expiresInSeconds }) => ({
    token: 'planted-token',
    id: 'abc',
    expiresAt: timestampFromMs(1_000_000 + Number(expiresInSeconds) * 1_000),
  }),
  RenewShortLivedApiToken: () => ({ expiresAt: timestampFromMs(1_000_000 + 30 * minute) }),
  RevokeShortLivedApiToken: () => ({}),
};

const ask = <T extends object>(request: T) => request as T & never;

test('opens, renews in good time, and closes, by what the contract says', async () => {
  const { rpcs, calls, session } = start(good);
  const given = config(token, { expires_in_seconds: 900 });
  const opened = await rpcs.openEphemeralResource(ask({ typeName: token, config: given }));
  expect(opened.diagnostics ?? []).toEqual([]);
  const { result, private: kept, renewAt } = opened as never;
  expect(decodeObject(result, shapeOf(token).object.type)).toMatchObject({
    token: 'planted-token',
    id: 'abc',
    expires_in_seconds: 900,
    expires_at: '1970-01-01T00:31:40Z',
  });
  expect(Buffer.from(kept).toString()).not.toContain('planted-token');
  expect(timestampMs(renewAt)).toBe(1_000_000 + 10 * minute);
  const renewed = await rpcs.renewEphemeralResource(ask({ typeName: token, private: kept }));
  expect(timestampMs((renewed as never)['renewAt'])).toBe(1_000_000 + 20 * minute);
  await rpcs.closeEphemeralResource(ask({ typeName: token, private: kept }));
  expect(calls.slice(1)).toMatchObject([
    ['RenewShortLivedApiToken', { id: 'abc' }, undefined],
    ['RevokeShortLivedApiToken', { id: 'abc' }, { atTheEnd: true }],
  ]);
  expect(session.closeOpen()).toBeUndefined();
});

test('makes useless at the end of the process what nobody closed', async () => {
  const { rpcs, calls, session } = start(good);
  await rpcs.openEphemeralResource(ask({ typeName: token, config: config(token) }));
  await session.closeOpen();
  expect(calls.at(-1)).toMatchObject([
    'RevokeShortLivedApiToken',
    { id: 'abc' },
    { atTheEnd: true },
  ]);
});

test("tells the control plane's refusal, and keeps what the user asked for", async () => {
  const { rpcs, calls } = start({});
  const given = config(ticket, { id: 'vm-1', kind: 'vnc' });
  const opened = await rpcs.openEphemeralResource(ask({ typeName: ticket, config: given }));
  expect(opened.diagnostics).toMatchObject([
    {
      summary: 'Cannot open limiquantix_console_ticket',
      detail: 'GetConsole is not supported: no driver connects to consoles.',
    },
  ]);
  expect(calls).toMatchObject([['GetConsole', { id: 'vm-1' }]]);
});

test("judges arguments by the contract's rules before anything is called", async () => {
  const { rpcs, calls } = start(good);
  const given = config(token, { expires_in_seconds: 86_401 });
  const judged = await rpcs.validateEphemeralResourceConfig(
    ask({ typeName: token, config: given }),
  );
  expect(judged.diagnostics).toMatchObject([{ summary: 'Invalid expires_in_seconds' }]);
  expect(calls).toEqual([]);
});

test('has sensitive what must not be shown', () => {
  const roles = (typeName: string, name: string) => shapeOf(typeName).object.byName.get(name)?.role;
  expect(roles(token, 'token')).toBe('sensitive');
  expect(roles(ticket, 'ticket')).toBe('sensitive');
  expect(roles(token, 'id')).toBe('field');
});
