/**
 * What has to be done now and then: forgetting what is old, and renewing the server's certificate
 * before its end. A failure is logged and tried again the next time.
 */
import type { KeyPair } from '../identity/certificate-authority.js';
import type { Log } from '../log.js';
import type { Cancel, Clock } from '../reconcile/clock.js';

/** What housekeeping works with. */
export interface HousekeepingOptions {
  /** Forgets what is no longer needed. */
  readonly forget: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** The certificate to use: the one in use, or a new one where its end is near. */
  readonly keyPair: () => Promise<KeyPair>;
  /** Uses a certificate from now on. */
  readonly setKeyPair: (keyPair: KeyPair) => void;
}

const everyMs = 60 * 60 * 1000;

/** Begins; returns what ends it. */
export function startHousekeeping(options: HousekeepingOptions): () => void {
  const { forget, clock, log, keyPair, setKeyPair } = options;
  let cancel: Cancel;
  let inUse: KeyPair | undefined;
  let isStopped = false;
  const work = async (): Promise<void> => {
    await forget();
    const next = await keyPair();
    if (inUse !== undefined && next.certificatePem !== inUse.certificatePem) {
      setKeyPair(next);
      log.info("the server's certificate was renewed");
    }
    inUse = next;
  };
  const turn = (): void => {
    work().catch((err: unknown) => {
      // What was under way when the store was closed is done after the next start.
      if (!isStopped) log.error('housekeeping failed', { err });
    });
    cancel = clock.after(everyMs, turn);
  };
  turn();
  return () => {
    isStopped = true;
    cancel();
  };
}
