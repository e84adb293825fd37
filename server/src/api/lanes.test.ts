import { Lanes } from './lanes.js';

/** Lanes whose work ends when it is told to. */
function setup() {
  const begun: { name: string; items: readonly number[]; end: (cause?: Error) => void }[] = [];
  const lanes = new Lanes<number, number>(
    (name, items) =>
      new Promise((resolve, reject) => {
        const sum = items.reduce((total, item) => total + item, 0);
        begun.push({ name, items, end: (cause) => (cause ? reject(cause) : resolve(sum)) });
      }),
  );
  return { lanes, begun };
}

test('does what comes for a name meanwhile together, and other names at once', async () => {
  const { lanes, begun } = setup();
  const first = lanes.do('a', 1);
  const others = [lanes.do('a', 2), lanes.do('a', 3)];
  const elsewhere = lanes.do('b', 9);
  expect(begun.map(({ name, items }) => [name, items])).toEqual([
    ['a', [1]],
    ['b', [9]],
  ]);
  begun[0]?.end();
  begun[1]?.end();
  expect([await first, await elsewhere]).toEqual([1, 9]);
  expect(begun[2]?.items).toEqual([2, 3]);
  begun[2]?.end();
  expect(await Promise.all(others)).toEqual([5, 5]);
  const later = lanes.do('a', 4);
  begun[3]?.end();
  expect(await later).toBe(4);
});

test('what fails fails for those in it, and the next goes on', async () => {
  const { lanes, begun } = setup();
  const first = lanes.do('a', 1);
  const second = lanes.do('a', 2);
  begun[0]?.end(new Error('the store is gone'));
  await expect(first).rejects.toThrow('the store is gone');
  begun[1]?.end();
  expect(await second).toBe(2);
});
