/**
 * Work that is done by name, one at a time: what comes for a name while work on it is under way is
 * done together after that. So writers of one resource never refuse each other, and those that come
 * at once share a commit.
 */

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (cause: unknown) => void;
}

/** The lanes. As many wait as there are callers, each of which waits for its own item. */
export class Lanes<Item, Result> {
  readonly #work: (name: string, items: readonly Item[]) => Promise<Result>;
  /** What waits, by the names on which work is under way. */
  readonly #waiting = new Map<string, Waiting<Item, Result>[]>();

  /** `work` does what came together, in the order in which it came; all share its outcome. */
  constructor(work: (name: string, items: readonly Item[]) => Promise<Result>) {
    this.#work = work;
  }

  /** Has an item done; resolves with the result of the work that it was part of. */
  do(name: string, item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const one = { item, resolve, reject };
      const waiting = this.#waiting.get(name);
      if (waiting !== undefined) waiting.push(one);
      else void this.#run(name, [one]);
    });
  }

  async #run(name: string, first: readonly Waiting<Item, Result>[]): Promise<void> {
    for (let batch = first; batch.length > 0; batch = this.#waiting.get(name) ?? []) {
      this.#waiting.set(name, []);
      const items = batch.map(({ item }) => item);
      try {
        const result = await this.#work(name, items);
        for (const { resolve } of batch) resolve(result);
      } catch (cause) {
        for (const { reject } of batch) reject(cause);
      }
    }
    this.#waiting.delete(name);
  }
}
