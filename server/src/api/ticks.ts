/** A stream of things with signs of its own where nothing comes for a while. */
import type { Clock } from '../reconcile/clock.js';

const tick = Symbol('tick');

/** The same things; `undefined` whenever none came for `everyMs`. */
export async function* withTicks<T extends object>(
  things: AsyncIterable<T>,
  { clock, everyMs }: { readonly clock: Clock; readonly everyMs: number },
): AsyncGenerator<T | undefined, void> {
  const iterator = things[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<T>> | undefined;
  try {
    for (;;) {
      pending ??= iterator.next();
      const next = await orTick(pending, clock, everyMs);
      if (next === tick) {
        yield undefined;
        continue;
      }
      pending = undefined;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: while it waits for something, its end comes only with its signal.
    if (pending === undefined) await iterator.return?.();
    else pending.catch(() => undefined);
  }
}

async function orTick<T>(pending: Promise<T>, clock: Clock, everyMs: number) {
  let cancel: () => void = () => undefined;
  const ticked = new Promise<typeof tick>((resolve) => {
    cancel = clock.after(everyMs, () => resolve(tick));
  });
  try {
    return await Promise.race([pending, ticked]);
  } finally {
    cancel();
  }
}
