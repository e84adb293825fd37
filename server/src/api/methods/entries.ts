/** Entries of the maps in a spec, as edits add, find and take them. Changes what it is given. */
import { invalidFields } from '../validation.js';

/** Which entry, and the request's field that named it. */
export interface EntryName {
  readonly path: string;
  readonly key: string;
}

type Entries<V> = { [key: string]: V } | undefined;

/** Adds an entry. Throws where there is one of that name: an update changes it. */
export function add<V>(entries: Entries<V>, { path, key }: EntryName, value: V): void {
  if (entries === undefined || key in entries) {
    throw invalidFields([{ path, message: `${JSON.stringify(key)} is there already` }]);
  }
  entries[key] = value;
}

/** The entry of that name. Throws where there is none. */
export function found<V>(entries: Entries<V>, { path, key }: EntryName): V {
  const value = entries?.[key];
  if (value !== undefined) return value;
  const names = Object.keys(entries ?? {}).join(', ') || 'none';
  throw invalidFields([{ path, message: `there is no ${JSON.stringify(key)}; there is ${names}` }]);
}

/** Takes an entry away. Throws where there is none of that name. */
export function take<V>(entries: Entries<V>, name: EntryName): void {
  found(entries, name);
  delete entries?.[name.key];
}
