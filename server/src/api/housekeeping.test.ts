import { silentLog } from '../log.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { startHousekeeping } from './housekeeping.js';
import { sweepRequests } from './request-log.js';
import { startTestInstallation } from './test-installation.js';

it('renews the certificate and forgets old requests every hour', async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const installation = await startTestInstallation({ clock });
  const { store } = installation.context;
  const answered = JSON.stringify({ resourceId: 'x', digest: 'x', expiresAtMs: clock.nowMs() + 1 });
  await store.commit({
    require: [],
    writes: [{ kind: 'put', key: 'q/x', value: new TextEncoder().encode(answered) }],
  });
  let count = 0;
  let renewed: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (renewed = resolve));
  let asked: () => void = () => undefined;
  const first = new Promise<void>((resolve) => (asked = resolve));
  const stop = startHousekeeping({
    forget: async () => {
      await sweepRequests(store, clock.nowMs());
    },
    clock,
    log: silentLog,
    keyPair: async () => {
      asked();
      count += 1;
      return { keyPem: 'key', certificatePem: String(count) };
    },
    setKeyPair: renewed,
  });
  await first;
  clock.advance(3_600_001);
  await done;
  expect(await store.get('q/x')).toBeUndefined();
  stop();
  await installation.stop();
});
