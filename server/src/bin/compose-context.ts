/**
 * What the control plane's operations work with, put together on an open store: the view, what is
 * counted from it, and what is always there. The server and the simulation make it here.
 */
import type { ApiContext } from '../api/api-context.js';
import { ensureBuiltIns } from '../api/built-ins.js';
import { PlanSessions } from '../api/plan-sessions.js';
import { PolicyDenials } from '../api/policy-denials.js';
import { Snapshots } from '../api/snapshots.js';
import { Turns } from '../api/turns.js';
import { Usage } from '../api/usage.js';
import { createValidate, type Validate } from '../api/validation.js';
import { fullAccess } from '../decide/access.js';
import { admission } from '../decide/admission-table.js';
import { Capacity } from '../decide/capacity.js';
import { claimsOf } from '../decide/claims.js';
import { judges } from '../decide/judge-table.js';
import { fullSupport, realSupport } from '../drivers/support.js';
import type { Log } from '../log.js';
import type { Clock, Random } from '../reconcile/clock.js';
import { contractTypes } from '../resource/type-registry.js';
import { refuseCopying } from '../store/copy.js';
import type { Store } from '../store/store.js';
import { View } from '../view/view.js';

/** What the context is made with. */
export interface ContextOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly newId: () => string;
  /** Whether the hosts are simulated, which take everything. */
  readonly isSimulated: boolean;
  /** The judge of the contract's rules; a new one without it. */
  readonly validate?: Validate;
}

/** Makes the context; `onStop` gets what ends its parts. Throws where the store is being copied. */
export async function openContext(
  options: ContextOptions,
  onStop: (end: () => Promise<void> | void) => void,
): Promise<ApiContext> {
  const { store, clock, log, random, newId, validate = createValidate() } = options;
  const nowMs = (): number => clock.nowMs();
  await refuseCopying(store);
  const types = contractTypes;
  const onFailure = (err: unknown): void => log.error('the view lost the store', { err });
  const view = new View({ store, types, clock, onFailure, claimsOf });
  const capacity = new Capacity();
  view.onChange((change) => capacity.changed(change));
  await view.start();
  onStop(() => view.stop());
  const support = options.isSimulated ? fullSupport : realSupport;
  const plans = new PlanSessions({ view, clock });
  onStop(() => plans.stop());
  const snapshots = new Snapshots(clock);
  onStop(() => snapshots.stop());
  const base: ApiContext = {
    ...{ types, store, view, admission, capacity, support, validate },
    ...{ newId, nowMs, clock, random, judges, plans, snapshots },
    ...{ access: fullAccess, usage: new Usage(view, types), turns: new Turns() },
    leading: { store: undefined },
  };
  await ensureBuiltIns(base);
  const denials = new PolicyDenials(base, log);
  onStop(() => denials.stop());
  return { ...base, denials };
}
