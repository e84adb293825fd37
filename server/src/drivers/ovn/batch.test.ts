import type { OperationResult } from '../../wire/ovsdb/api.js';
import { disconnected, OvsdbError } from '../../wire/ovsdb/errors.js';
import type { Operation } from '../../wire/ovsdb/operations.js';
import { Batch, OPERATIONS_MAX } from './batch.js';

const operation = (id: number): Operation => ({ op: 'comment', comment: String(id) });

/** Refuses what `bad` names; at the commit as a whole, or at the operation. */
function server(bad: ReadonlySet<number>, atCommit: boolean) {
  const sizes: number[] = [];
  const transact = async (operations: readonly Operation[]): Promise<OperationResult[]> => {
    sizes.push(operations.length);
    await new Promise((resolve) => setImmediate(resolve));
    const at = operations.findIndex(({ comment }) => bad.has(Number(comment)));
    if (at === -1) return operations.map(({ comment }) => ({ uuid: String(comment) }));
    const refusal = { reason: 'OVSDB_DUPLICATE', message: 'refused', retryable: true } as const;
    throw new OvsdbError(refusal, atCommit ? undefined : at);
  };
  return { sizes, transact };
}

describe('a batch', () => {
  it('coalesces callers and gives each its own results', async () => {
    const { sizes, transact } = server(new Set(), false);
    const batch = new Batch({ transact });
    const ids = Array.from({ length: 1_000 }, (_, id) => id);
    const results = await Promise.all(
      ids.map((id) => batch.transact([operation(id), operation(-id)])),
    );
    expect(results[7]).toEqual([{ uuid: '7' }, { uuid: '-7' }]);
    expect(sizes).toEqual([OPERATIONS_MAX]);
  });

  it('gathers what comes while a transaction is under way', async () => {
    const { sizes, transact } = server(new Set(), false);
    const batch = new Batch({ transact });
    const first = batch.transact([operation(1)]);
    await Promise.resolve();
    const rest = [2, 3, 4].map((id) => batch.transact([operation(id)]));
    await Promise.all([first, ...rest]);
    expect(sizes).toEqual([1, 3]);
  });

  it('splits what is too much for one transaction', async () => {
    const { sizes, transact } = server(new Set(), false);
    const batch = new Batch({ transact });
    const many = Array.from({ length: OPERATIONS_MAX }, (_, id) => operation(id));
    await Promise.all([batch.transact([operation(1)]), batch.transact(many)]);
    expect(sizes).toEqual([1, OPERATIONS_MAX]);
  });

  it.each([false, true])('fails only whom the server refuses (commit: %s)', async (atCommit) => {
    const bad = new Set([3, 40, 41, 99]);
    const { sizes, transact } = server(bad, atCommit);
    const batch = new Batch({ transact });
    const ids = Array.from({ length: 100 }, (_, id) => id);
    const outcomes = await Promise.allSettled(ids.map((id) => batch.transact([operation(id)])));
    const failed = outcomes.flatMap(({ status }, id) => (status === 'rejected' ? [id] : []));
    expect(failed).toEqual([...bad]);
    expect(sizes.length).toBeLessThan(50);
  });

  it('fails all when the outcome is unknown, and goes on with the next', async () => {
    let broken = true;
    const transact = async (operations: readonly Operation[]): Promise<OperationResult[]> => {
      if (broken) throw disconnected();
      return operations.map(() => ({}));
    };
    const batch = new Batch({ transact });
    const outcomes = await Promise.allSettled([1, 2].map((id) => batch.transact([operation(id)])));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    broken = false;
    await expect(batch.transact([operation(3)])).resolves.toEqual([{}]);
  });
});
