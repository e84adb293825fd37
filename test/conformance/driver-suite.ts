/**
 * What must hold of every driver on every backend, in one suite: applied twice is applied once,
 * what is absent is removed without a word, a fault at any step is made good by a process that
 * knows nothing of it, what others do is seen, and two processes at once make one thing. A driver
 * joins by a subject, a backend by a line in `driver-benches.ts`.
 */

/** When a change of the backend fails: the n-th from now on, before or after its effect. */
export interface StepFault {
  readonly step: number;
  readonly when: 'before' | 'after';
}

/** One resource of a driver on one backend, in the hands of one process. */
export interface Subject {
  /**
   * Brings it about: looks and acts until there is nothing left to do. Rejects with the first
   * failure, and does nothing more then.
   */
  make(): Promise<void>;
  /** Removes it, likewise. */
  remove(): Promise<void>;
  /** Removes it at once, by whatever means, where `remove` takes its time; as `remove` without it. */
  clear?(): Promise<void>;
  /** What the backend holds of it, to be compared; undefined for nothing at all. */
  held(): Promise<unknown>;
  /** How many changes of the backend this process has asked for. */
  changes(): number;
  /** Lets a change fail; undefined for none any more. */
  fail(fault: StepFault | undefined): void;
  /** Forgets what it has in memory, as a process that was killed and started again. */
  restart(): Promise<void>;
  /** The same resource in the hands of another process on the same backend. */
  rival(): Promise<Subject>;
  /** Does what an administrator in a hurry would do to it; resolves when a process can know. */
  meddle(): Promise<void>;
  /** What the status says is wrong; empty for nothing. */
  complaint(): string;
  /** Lets go of what this process holds. */
  end(): Promise<void>;
}

/** A driver on a backend. */
export interface Bench {
  readonly name: string;
  /** Why it can't be tried here; undefined where it can. */
  readonly missing?: string | undefined;
  /** Whether what others took away is made anew, or said to be gone. */
  readonly meddled: 'mended' | 'told';
  /** Why only one process works with the backend at a time; undefined where that is not so. */
  readonly alone?: string;
  /** Whether a life takes seconds: faults come before and after steps in turn, not each at all. */
  readonly isSlow?: boolean;
  /** Starts the backend, empty. */
  start(): Promise<StartedBench>;
}

/** A backend that runs. */
export interface StartedBench {
  /** A resource of its own. */
  subject(): Promise<Subject>;
  stop(): Promise<void>;
}

/** When faults come; in turn where a life takes long. */
type When = StepFault['when'] | 'before or after';

/** A life with a fault at each step is many lives, on real backends with many waits. */
const timeoutMs = 180_000;
/** Attempts of a process that others get in the way of. */
const attemptsMax = 10;
const stepsMax = 60;
/** What two do at once differs from time to time. */
const roundsOfTwo = 3;

/** Declares the suite for a driver on a backend. */
export function describeDriver(bench: Bench): void {
  if (bench.missing !== undefined) {
    test.skip(`${bench.name}: ${bench.missing}`, () => undefined);
    return;
  }
  describe(bench.name, () => {
    let started: StartedBench;
    let subject: Subject;
    const property = (name: string, check: (subject: Subject) => Promise<void>): void =>
      test(name, () => check(subject), timeoutMs);
    beforeAll(async () => {
      started = await bench.start();
    }, timeoutMs);
    afterAll(() => started?.stop(), timeoutMs);
    beforeEach(async () => {
      subject = await started.subject();
    }, timeoutMs);
    afterEach(async () => {
      subject.fail(undefined);
      await insist(() => subject.remove());
      await subject.end();
    }, timeoutMs);

    property('applied twice is applied once, by the same process and by the next', appliedTwice);
    property('what is absent is removed without a word, and again', removedWhenAbsent);
    const whens: readonly When[] = bench.isSlow ? ['before or after'] : ['before', 'after'];
    for (const when of whens) {
      const name = `is made and removed whole after a fault ${when} the effect of any step`;
      property(name, (one) => faultAtEachStep(one, when));
    }
    property(`what others do to it is seen, and ${bench.meddled}`, (one) =>
      changedByOthers(one, bench.meddled),
    );
    const two = 'two processes at once make one, and remove one';
    if (bench.alone === undefined) property(two, madeByTwo);
    else test.skip(`${two}: ${bench.alone}`, () => undefined);
  });
}

async function appliedTwice(subject: Subject): Promise<void> {
  await subject.make();
  const [held, changes] = [await subject.held(), subject.changes()];
  expect(held).toBeDefined();
  expect(changes).toBeGreaterThan(0);
  expect(subject.complaint()).toBe('');
  await subject.make();
  expect(subject.changes()).toBe(changes);
  await subject.restart();
  await subject.make();
  expect(subject.changes()).toBe(changes);
  expect(await subject.held()).toEqual(held);
}

async function removedWhenAbsent(subject: Subject): Promise<void> {
  await subject.remove();
  expect(await subject.held()).toBeUndefined();
  await subject.make();
  await subject.remove();
  expect(await subject.held()).toBeUndefined();
  await subject.remove();
  await subject.restart();
  await subject.remove();
  expect(await subject.held()).toBeUndefined();
}

async function faultAtEachStep(subject: Subject, when: When): Promise<void> {
  await subject.make();
  const held = await subject.held();
  await subject.remove();
  const making = {
    work: () => subject.make(),
    check: async (step: number) => {
      expect({ step, held: await subject.held() }).toEqual({ step, held });
      expect(subject.complaint()).toBe('');
      await (subject.clear?.() ?? subject.remove());
    },
  };
  expect(await eachStep(subject, when, making)).toBeGreaterThan(0);
  const removing = {
    work: () => subject.remove(),
    check: async (step: number) => {
      expect({ step, held: await subject.held() }).toEqual({ step, held: undefined });
      await subject.make();
    },
  };
  // The faults went as far as one that was never reached: it is there.
  expect(await eachStep(subject, when, removing)).toBeGreaterThan(0);
}

async function changedByOthers(subject: Subject, meddled: Bench['meddled']): Promise<void> {
  await subject.make();
  const held = await subject.held();
  await subject.meddle();
  expect(await subject.held()).not.toEqual(held);
  await insist(() => subject.make());
  if (meddled === 'told') expect(subject.complaint()).not.toBe('');
  else expect(await subject.held()).toEqual(held);
}

async function madeByTwo(subject: Subject): Promise<void> {
  await subject.make();
  const held = await subject.held();
  await subject.remove();
  const rival = await subject.rival();
  const both = [subject, rival];
  try {
    for (let round = 0; round < roundsOfTwo; round += 1) {
      await Promise.allSettled(both.map((one) => one.make()));
      await Promise.all(both.map((one) => insist(() => one.make())));
      expect(await subject.held()).toEqual(held);
      const changes = both.map((one) => one.changes());
      for (const one of both) await one.make();
      expect(both.map((one) => one.changes())).toEqual(changes);
      await Promise.allSettled(both.map((one) => one.remove()));
      await Promise.all(both.map((one) => insist(() => one.remove())));
      expect(await subject.held()).toBeUndefined();
    }
  } finally {
    await rival.end();
  }
}

/** Work of several steps, and what must hold when it was done in spite of a fault at one. */
interface Stepped {
  readonly work: () => Promise<void>;
  readonly check: (step: number) => Promise<void>;
}

/**
 * Does `work` again and again with a fault one step later each time, finishes it after each by a
 * process that was started anew, and calls `check`. Returns how many steps it has.
 */
async function eachStep(subject: Subject, when: When, { work, check }: Stepped): Promise<number> {
  for (let step = 1; step <= stepsMax; step += 1) {
    const turn = step % 2 === 0 ? 'after' : 'before';
    subject.fail({ step, when: when === 'before or after' ? turn : when });
    const isHit = await work().then(
      () => false,
      () => true,
    );
    subject.fail(undefined);
    if (!isHit) return step - 1;
    await subject.restart();
    await insist(work);
    await check(step);
  }
  throw new Error(`no end after ${stepsMax} steps`);
}

/** Tries until it succeeds: what gets in the way is gone some attempts later. */
async function insist(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === attemptsMax) throw error;
    }
  }
}
