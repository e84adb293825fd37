/** Tokens that are good for a short time. */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { ApiTokenService } from '@limiquantix/proto/identity/v1/api_token_service_pb.js';
import { TokenService } from '@limiquantix/proto/identity/v1/token_service_pb.js';
import { VirtualClock } from '../../reconcile/virtual-clock.js';
import { startTestInstallation, type TestInstallation } from '../test-installation.js';

const minute = 60_000;
const clock = new VirtualClock(Date.UTC(2026, 0, 1));
let installation: TestInstallation;
beforeAll(async () => {
  installation = await startTestInstallation({ clock });
});
afterAll(() => installation.stop());

const issuer = () => installation.client(ApiTokenService);
const issue = (expiresInSeconds = 0) => issuer().issueShortLivedApiToken({ expiresInSeconds });
const use = (token: string) => installation.client(ApiTokenService, { token }).listApiTokens({});
const leftMs = (expiresAt: Parameters<typeof timestampMs>[0] | undefined): number =>
  expiresAt === undefined ? 0 : timestampMs(expiresAt) - clock.nowMs();

it('is good for a quarter of an hour, or as long as was asked', async () => {
  const { token, expiresAt } = await issue();
  expect(leftMs(expiresAt)).toBe(15 * minute);
  expect(leftMs((await issue(60)).expiresAt)).toBe(minute);
  await use(token);
  clock.advance(15 * minute);
  await expect(use(token)).rejects.toMatchObject({ code: Code.Unauthenticated });
});

it('is renewed for as long again, and for no more than a day', async () => {
  const { id, token } = await issue(8 * 60 * 60);
  for (const hours of [7, 7, 7]) {
    clock.advance(hours * 60 * minute);
    const { expiresAt } = await issuer().renewShortLivedApiToken({ id });
    expect(leftMs(expiresAt)).toBeGreaterThan(2 * 60 * minute);
  }
  await use(token);
  clock.advance(3 * 60 * minute);
  await expect(use(token)).rejects.toMatchObject({ code: Code.Unauthenticated });
  const late = issuer().renewShortLivedApiToken({ id });
  await expect(late).rejects.toMatchObject({ code: Code.NotFound });
});

it('is revoked, also twice', async () => {
  const { id, token } = await issue();
  for (let i = 0; i < 2; i += 1) await issuer().revokeShortLivedApiToken({ id });
  await expect(use(token)).rejects.toMatchObject({ code: Code.Unauthenticated });
});

it('belongs to the token that issued it, and issues no others', async () => {
  const { id, token } = await issue();
  const { token: foreign } = await installation.tokens.createApiToken({
    name: 'other',
    expiresInSeconds: 0,
  });
  const other = installation.client(ApiTokenService, { token: foreign });
  await expect(other.renewShortLivedApiToken({ id })).rejects.toMatchObject({
    code: Code.NotFound,
  });
  await other.revokeShortLivedApiToken({ id });
  await use(token);
  const itself = installation.client(ApiTokenService, { token });
  const more = itself.issueShortLivedApiToken({});
  await expect(more).rejects.toMatchObject({ code: Code.PermissionDenied });
});

it('is issued without a look at all others, and leaves no record once its time is over', async () => {
  await issue();
  const listed = jest.spyOn(installation.context.store, 'list');
  await issue();
  expect(listed.mock.calls).toEqual([]);
  listed.mockRestore();
  clock.advance(24 * 60 * minute);
  const { id } = await issue();
  await installation.tokens.sweep();
  const { tokens } = await installation.client(TokenService).listTokens({});
  const short = tokens.filter(({ expiresAt }) => expiresAt !== undefined);
  expect(short.map((one) => one.id)).toEqual([id]);
});
