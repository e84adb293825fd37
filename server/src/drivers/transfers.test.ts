/** Background transfers: bounded, retried with pauses, called off. */
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { type TransferContext, Transfers } from './transfers.js';

function make(concurrencyMax = 2) {
  const clock = new VirtualClock(1_000);
  const ended: string[] = [];
  const transfers = new Transfers({ clock, concurrencyMax, onEnd: (name) => ended.push(name) });
  return { clock, ended, transfers };
}

/** A transfer that ends when told to, or when it is called off. */
function held() {
  const gate = Promise.withResolvers<void>();
  const contexts: TransferContext[] = [];
  const run = (context: TransferContext): Promise<void> => {
    contexts.push(context);
    context.signal.addEventListener('abort', () => gate.reject(new Error('aborted')));
    return gate.promise;
  };
  return { run, contexts, ...gate };
}

const turns = () => new Promise((resolve) => setImmediate(resolve));

test('runs one of a name, tells its progress and its end', async () => {
  const { transfers, ended } = make();
  const one = held();
  transfers.start('a', one.run);
  transfers.start('a', one.run);
  await turns();
  expect(one.contexts).toHaveLength(1);
  one.contexts[0]?.onProgress(7);
  expect(transfers.state('a')).toEqual({ kind: 'running', receivedBytes: 7 });
  expect(transfers.isDue('a')).toBe(false);
  one.resolve();
  await turns();
  expect(transfers.state('a')).toEqual({ kind: 'none' });
  expect(ended).toEqual(['a']);
});

test('lets those beyond the bound wait for their turn', async () => {
  const { transfers } = make(1);
  const [one, two] = [held(), held()];
  transfers.start('a', one.run);
  transfers.start('b', two.run);
  await turns();
  expect(two.contexts).toHaveLength(0);
  one.resolve();
  await turns();
  expect(two.contexts).toHaveLength(1);
});

test('pauses longer after each failure and tells each error once', async () => {
  const { transfers, clock } = make();
  const fail = () => Promise.reject(new Error('no'));
  transfers.start('a', fail);
  await turns();
  expect(transfers.state('a')).toMatchObject({ kind: 'failed', failures: 1, retryAtMs: 1_500 });
  expect(transfers.takeFailure('a')).toEqual(new Error('no'));
  expect(transfers.takeFailure('a')).toBeUndefined();
  expect(transfers.isDue('a')).toBe(false);
  clock.advance(500);
  expect(transfers.isDue('a')).toBe(true);
  transfers.start('a', fail);
  await turns();
  expect(transfers.state('a')).toMatchObject({ failures: 2, retryAtMs: 2_500 });
});

test('calls off what is forgotten, running or waiting, and says nothing of it', async () => {
  const { transfers, ended } = make(1);
  const [one, two] = [held(), held()];
  transfers.start('a', one.run);
  transfers.start('b', two.run);
  await transfers.stop();
  expect(two.contexts).toHaveLength(0);
  expect(ended).toEqual([]);
  expect(transfers.state('a')).toEqual({ kind: 'none' });
  const three = held();
  transfers.start('c', three.run);
  await turns();
  expect(three.contexts).toHaveLength(1);
});
