/** API tokens as resources: what their secrets are good for, and when they cease to be. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema } from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { ApiTokenService } from '@limiquantix/proto/identity/v1/api_token_service_pb.js';
import { RoleBindingService } from '@limiquantix/proto/identity/v1/role_binding_service_pb.js';
import { RoleService } from '@limiquantix/proto/identity/v1/role_service_pb.js';
import { ServiceAccountService } from '@limiquantix/proto/identity/v1/service_account_service_pb.js';
import { TokenService } from '@limiquantix/proto/identity/v1/token_service_pb.js';
import { VolumeService } from '@limiquantix/proto/storage/v1/volume_service_pb.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { startTestInstallation, type TestInstallation } from './test-installation.js';

const clock = new VirtualClock(Date.UTC(2026, 0, 1));
let installation: TestInstallation;
let accountId = '';
beforeAll(async () => {
  installation = await startTestInstallation({ clock });
  const accounts = installation.client(ServiceAccountService);
  const { serviceAccount } = await accounts.createServiceAccount({
    serviceAccount: { name: 'ci', spec: {} },
  });
  accountId = serviceAccount?.id ?? '';
  await bind('editor', { serviceAccountIds: [accountId] });
});
afterAll(() => installation.stop());

const service = (token?: string) =>
  installation.client(ApiTokenService, ...(token === undefined ? [] : [{ token }]));
let count = 0;

async function bind(role: string, to: { serviceAccountIds?: string[]; users?: string[] }) {
  const { roles } = await installation.client(RoleService).listRoles({ filter: `name=${role}` });
  const spec = { roleId: roles[0]?.id ?? '', projectName: 'default', ...to };
  count += 1;
  const roleBinding = { name: `binding-${count}`, spec };
  await installation.client(RoleBindingService).createRoleBinding({ roleBinding });
}

/** A token of the service account, and its secret. */
async function issued(expiresInMs?: number) {
  const expiresAt = expiresInMs && timestampFromMs(clock.nowMs() + expiresInMs);
  const owner = { case: 'serviceAccountId', value: accountId } as const;
  const spec = { owner, ...(expiresAt && { expiresAt }) };
  count += 1;
  const { apiToken } = await service().createApiToken({
    apiToken: { name: `token-${count}`, spec },
  });
  const id = apiToken?.id ?? '';
  const { token } = await service().issueApiToken({ id });
  return { id, token };
}

const use = (token: string) => installation.client(VolumeService, { token }).listVolumes({});

const refusal = async (work: Promise<unknown>) => {
  const error = ConnectError.from(
    await work.then(
      () => 'was not refused',
      (cause: unknown) => cause,
    ),
  );
  return { code: error.code, reason: error.findDetails(ErrorInfoSchema)[0]?.reason };
};

const over = (reason: string) => ({ code: Code.Unauthenticated, reason });

it('let their owner in, by the name of the account', async () => {
  const { token } = await issued();
  await use(token);
  const accounts = installation.client(ServiceAccountService, { token });
  const denied = accounts.createServiceAccount({ serviceAccount: { name: 'x', spec: {} } });
  await expect(denied).rejects.toThrow(
    /service_account:default\/ci may not do service_account.create/,
  );
});

it('have a secret that is shown once and stored as a hash', async () => {
  const { id, token } = await issued();
  const { apiToken } = await service().getApiToken({ id });
  expect(apiToken?.status?.issued).toBe(true);
  const { entries } = await installation.context.store.list({ prefix: '', limit: 1000 });
  const secret = token.split('_')[2] ?? 'none';
  for (const { value } of entries) expect(Buffer.from(value).includes(secret)).toBe(false);
});

it('cease to be good with a new secret, when they are disabled, and when they are deleted', async () => {
  const { id, token } = await issued();
  const { token: second } = await service().issueApiToken({ id });
  expect(await refusal(use(token))).toEqual(over('TOKEN_UNKNOWN'));
  await use(second);
  const set = (enabled: boolean) =>
    service().updateApiToken({
      apiToken: { id, spec: { enabled } },
      updateMask: { paths: ['spec.enabled'] },
    });
  await set(false);
  expect(await refusal(use(second))).toEqual(over('TOKEN_DISABLED'));
  await set(true);
  await use(second);
  await service().deleteApiToken({ id });
  expect(await refusal(use(second))).toEqual(over('TOKEN_UNKNOWN'));
  expect(await refusal(service().issueApiToken({ id }))).toMatchObject({ reason: 'TOKEN_OVER' });
});

it('expire by the clock of the server', async () => {
  const { id, token } = await issued(60_000);
  await use(token);
  clock.advance(60_000);
  expect(await refusal(use(token))).toEqual(over('TOKEN_EXPIRED'));
  expect(await refusal(service().issueApiToken({ id }))).toMatchObject({ reason: 'TOKEN_OVER' });
});

it('make short-lived ones that go with them', async () => {
  const { id, token } = await issued(120_000);
  const short = await service(token).issueShortLivedApiToken({ expiresInSeconds: 600 });
  const shorter = await service(token).issueShortLivedApiToken({ expiresInSeconds: 30 });
  await use(short.token);
  await use(shorter.token);
  clock.advance(31_000);
  expect(await refusal(use(shorter.token))).toEqual(over('TOKEN_EXPIRED'));
  await use(short.token);
  const { token: second } = await service().issueApiToken({ id });
  expect(await refusal(use(short.token))).toEqual(over('TOKEN_UNKNOWN'));
  const last = await service(second).issueShortLivedApiToken({});
  await service().deleteApiToken({ id });
  expect(await refusal(use(last.token))).toEqual(over('TOKEN_UNKNOWN'));
});

it('of administrators make short-lived ones that are administrators too, and go when revoked', async () => {
  const tokens = installation.client(TokenService);
  const parent = await tokens.issueUserToken({ name: 'root' });
  const short = await service(parent.token).issueShortLivedApiToken({});
  await installation.client(TokenService, { token: short.token }).listTokens({});
  await tokens.revokeToken({ id: parent.id });
  expect(await refusal(use(short.token))).toEqual(over('TOKEN_UNKNOWN'));
});

it('end the watches of who had them', async () => {
  const { id, token } = await issued();
  const watch = async () => {
    for await (const _event of service(token).watchApiTokens({})) {
      await service().deleteApiToken({ id });
    }
  };
  expect(await refusal(watch())).toEqual({ code: Code.Aborted, reason: 'ACCESS_CHANGED' });
});

it('are made only for those who may do no more than their maker', async () => {
  const { role } = await installation.client(RoleService).createRole({
    role: { name: 'issuer', spec: { permissions: ['api_token.*', '*.get'] } },
  });
  await bind(role?.name ?? '', { users: ['issuer'] });
  const member = { kind: 'user', name: 'issuer' } as const;
  const made = await installation.tokens.createApiToken({ name: 'i', expiresInSeconds: 0, member });
  const { id } = await issued();
  const own = service(made.token);
  expect(await refusal(own.issueApiToken({ id }))).toEqual({
    code: Code.PermissionDenied,
    reason: 'ESCALATION',
  });
  const owner = { case: 'serviceAccountId', value: accountId } as const;
  const created = own.createApiToken({ apiToken: { name: 'mine', spec: { owner } } });
  expect(await refusal(created)).toMatchObject({ reason: 'ESCALATION' });
});

it('that have expired are forgotten, and no others', async () => {
  const { token } = await issued();
  const { token: parent } = await issued();
  await service(parent).issueShortLivedApiToken({ expiresInSeconds: 1 });
  const all = async () =>
    (await installation.context.store.list({ prefix: 't/', limit: 1000 })).entries.length;
  await installation.tokens.sweep();
  const before = await all();
  clock.advance(2_000);
  await installation.tokens.sweep();
  expect(await all()).toBe(before - 1);
  await use(token);
});
