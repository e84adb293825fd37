/** API tokens: whether each is issued and its time is over; its secret goes with it. */
import { timestampDate, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type ApiToken,
  type ApiTokenStatus,
  ApiTokenStatusSchema,
  ApiTokenPhase as Phase,
} from '@limiquantix/proto/identity/v1/api_token_pb.js';
import { isExpired } from '../../decide/api-token.js';
import type { Difference, Driver, Lookup } from '../../reconcile/driver.js';
import { patched } from '../../resource/patched.js';
import { failed, ready } from '../../resource/ready.js';

/** An end that is further away is looked for again. */
const againMaxMs = 60 * 60 * 1000;

/** The driver for `api_token` in the control plane. */
export class ApiTokenControlDriver implements Driver<ApiToken, undefined, never, ApiTokenStatus> {
  readonly type = 'api_token';
  readonly runsOn = 'control-plane';
  readonly #forget: (resourceId: string) => Promise<void>;

  /** `forget` makes a token's secret useless; idempotent. */
  constructor(forget: (resourceId: string) => Promise<void>) {
    this.#forget = forget;
  }

  async observe(): Promise<undefined> {
    return undefined;
  }

  diff(token: ApiToken, _: undefined, lookup: Lookup): Difference<never, ApiTokenStatus> {
    const { spec, status, generation: observedGeneration } = token;
    const nowMs = lookup.nowMs();
    const expiresAt = spec?.expiresAt;
    if (expiresAt !== undefined && isExpired(token, nowMs)) {
      const when = timestampDate(expiresAt).toISOString();
      const conditions = failed('Expired', `its time was over at ${when}; create a new one`);
      const phase = Phase.EXPIRED;
      const next = { observedGeneration, phase, conditions };
      return { actions: [], status: patched(ApiTokenStatusSchema, status, next) };
    }
    const phase = status?.issued === true ? Phase.READY : Phase.PENDING;
    const next = { observedGeneration, phase, conditions: ready() };
    return {
      actions: [],
      status: patched(ApiTokenStatusSchema, status, next),
      ...(expiresAt && { againAfterMs: Math.min(againMaxMs, timestampMs(expiresAt) - nowMs) }),
    };
  }

  async apply(): Promise<void> {
    throw new Error('this driver has no actions');
  }

  async remove({ id }: ApiToken): Promise<{ readonly gone: true }> {
    await this.#forget(id);
    return { gone: true };
  }
}
