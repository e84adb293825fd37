/** Service accounts: how many tokens each has. */
import type { ApiToken } from '@limiquantix/proto/identity/v1/api_token_pb.js';
import {
  ServiceAccountPhase as Phase,
  type ServiceAccount,
  type ServiceAccountStatus,
  ServiceAccountStatusSchema,
} from '@limiquantix/proto/identity/v1/service_account_pb.js';
import type { Difference, Driver, Lookup, SupportsTriggers } from '../../reconcile/driver.js';
import type { ViewChange } from '../../reconcile/loop.js';
import { patched } from '../../resource/patched.js';
import { ready } from '../../resource/ready.js';
import type { ResourceKey } from '../../resource/resource.js';

/** The driver for `service_account` in the control plane. */
export class ServiceAccountControlDriver
  implements Driver<ServiceAccount, undefined, never, ServiceAccountStatus>, SupportsTriggers
{
  readonly type = 'service_account';
  readonly runsOn = 'control-plane';

  async observe(): Promise<undefined> {
    return undefined;
  }

  diff(
    { id, generation: observedGeneration, status }: ServiceAccount,
    _: undefined,
    lookup: Lookup,
  ): Difference<never, ServiceAccountStatus> {
    const tokenCount = lookup.referrers<ApiToken>('api_token', id).length;
    const next = { observedGeneration, phase: Phase.READY, conditions: ready(), tokenCount };
    return { actions: [], status: patched(ServiceAccountStatusSchema, status, next) };
  }

  async apply(): Promise<void> {
    throw new Error('this driver has no actions');
  }

  async remove(): Promise<{ readonly gone: true }> {
    return { gone: true };
  }

  triggers({ key, resource, previous }: ViewChange): readonly ResourceKey[] {
    if (key.type !== 'api_token') return [];
    const { spec } = (resource ?? previous) as unknown as ApiToken;
    if (spec?.owner.case !== 'serviceAccountId') return [];
    return [{ type: this.type, id: spec.owner.value }];
  }
}
