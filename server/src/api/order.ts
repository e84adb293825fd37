/** The order of a list: `name`, `created_at` or `id`, each with ` desc` for the reverse. Pure. */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { AnyResource } from '../resource/resource.js';
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

/** Compares by an order; the id decides among equals, so that the order is the same every time. */
export function compareBy({
  field,
  descending,
}: Order): (a: AnyResource, b: AnyResource) => number {
  const keyOf = {
    id: ({ id }: AnyResource) => id,
    name: ({ name }: AnyResource) => name,
    created_at: ({ createdAt }: AnyResource) => (createdAt ? timestampMs(createdAt) : 0),
  }[field];
  const sign = descending ? -1 : 1;
  return (a, b) => sign * (compare(keyOf(a), keyOf(b)) || compare(a.id, b.id));
}

function compare(a: string | number, b: string | number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
