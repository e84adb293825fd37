/** The order of a list: `name`, `created_at` or `id`, each with ` desc` for the reverse. Pure. */
import { invalidFields } from './validation.js';

/** What to order by. */
export interface Order {
  readonly field: 'id' | 'name' | 'created_at';
  readonly descending: boolean;
}

/** Reads an order; empty is by id. Throws INVALID_ARGUMENT for others. */
export function parseOrder(text: string): Order {
  const match = /^(id|name|created_at)?( asc| desc)?$/.exec(text.trim());
  if (match === null || (match[1] === undefined && match[2] !== undefined)) {
    const message = `must be id, name or created_at, with or without " desc"; got ${JSON.stringify(text)}`;
    throw invalidFields([{ path: 'order_by', message }]);
  }
  return { field: (match[1] ?? 'id') as Order['field'], descending: match[2] === ' desc' };
}

/** What can be sorted by of a record. */
export interface SortKeys<R> {
  readonly name: (record: R) => string;
  readonly createdAtMs: (record: R) => number;
}

/**
 * Sorts records by an order; the id decides among equals, so that the order is the same every time.
 */
export function sortRecords<R extends { readonly id: string }>(
  records: readonly R[],
  { field, descending }: Order,
  keys: SortKeys<R>,
): readonly R[] {
  const keyOf = {
    id: ({ id }: R) => id,
    name: keys.name,
    created_at: keys.createdAtMs,
  }[field];
  const sign = descending ? -1 : 1;
  const keyed = records.map((record) => ({ record, key: keyOf(record) }));
  keyed.sort((a, b) => sign * (compare(a.key, b.key) || compare(a.record.id, b.record.id)));
  return keyed.map(({ record }) => record);
}

function compare(a: string | number, b: string | number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
