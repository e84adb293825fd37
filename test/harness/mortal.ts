/**
 * Something in this process that can be killed as a process of its own would be: from one moment on
 * nothing that it was given obeys it, and nothing that it asked for comes back. What it asked for
 * before may still happen, as with a request that a daemon has received already.
 */

/** One life; ends with `kill`. */
export class Mortal {
  #isDead = false;

  /** Ends it at once. Idempotent. */
  kill(): void {
    this.#isDead = true;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** The same object for this life only: after its end, every method but `close` throws. */
  guard<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (_, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (name === 'close') return value.apply(target, args);
          this.#check();
          return this.#result(value.apply(target, args));
        };
      },
    });
  }

  #result(result: unknown): unknown {
    if (result instanceof Promise) return this.#promise(result);
    if (isAsyncIterable(result)) return this.#iterate(result);
    return result;
  }

  async #promise(result: Promise<unknown>): Promise<unknown> {
    const value = await result;
    this.#check();
    return value;
  }

  async *#iterate(items: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    for await (const item of items) {
      this.#check();
      yield item;
    }
  }

  #check(): void {
    if (this.#isDead) throw new Error('this process was killed by the test');
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
