/** What a resource is called among those of all types. Pure. */
import type { ResourceKey } from './resource.js';

/** A key as one word, `vm/01a2…`: for maps, sets and messages. */
export const nameOf = ({ type, id }: ResourceKey): string => `${type}/${id}`;
