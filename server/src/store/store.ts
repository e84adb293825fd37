/**
 * The store's interface: keys and bytes with revisions. Every commit gets the next revision; a list
 * is taken at a revision, and a watch goes on from one without a gap. The store knows none of our
 * nouns.
 */

/** A key with its value. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** The revision of the commit that last wrote the key. */
  readonly revision: bigint;
}

/** What must hold for a commit to happen. */
export type Requirement =
  /** The key doesn't exist. */
  | { readonly kind: 'absent'; readonly key: string }
  /** The key exists. */
  | { readonly kind: 'exists'; readonly key: string }
  /** The key was last written by this revision. */
  | { readonly kind: 'revision'; readonly key: string; readonly revision: bigint }
  /** No key begins with the prefix. */
  | { readonly kind: 'empty'; readonly prefix: string };

/** What a commit writes. */
export type Write =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: string };

/** A compare-and-swap transaction: all writes if all requirements hold, none otherwise. */
export interface Transaction {
  readonly require: readonly Requirement[];
  readonly writes: readonly Write[];
}

/**
 * What came of a commit; a conflict is an expected outcome and names the requirement that failed.
 */
export type CommitResult =
  | { readonly ok: true; readonly revision: bigint }
  | { readonly ok: false; readonly failed: Requirement };

/** A page of a list. */
export interface ListPage {
  readonly entries: readonly Entry[];
  /** The revision that the page was taken at; pass it for the following pages. */
  readonly revision: bigint;
  /** Where the next page begins; undefined at the end. */
  readonly next: string | undefined;
}

/** How to list. */
export interface ListOptions {
  readonly prefix: string;
  /** Entries in the page, at most; 1 to 10,000. */
  readonly limit: number;
  /** `next` of the page before. */
  readonly from?: string | undefined;
  /** The revision to list at; the newest without it. Throws reason COMPACTED if it is too old. */
  readonly revision?: bigint | undefined;
}

/** A change, in the order of revisions. */
export type StoreEvent =
  | { readonly kind: 'put'; readonly entry: Entry; readonly previous: Uint8Array | undefined }
  | {
      readonly kind: 'delete';
      readonly key: string;
      readonly revision: bigint;
      readonly previous: Uint8Array | undefined;
    };

/** The changes of one or several commits, complete up to `revision`. */
export interface WatchBatch {
  readonly events: readonly StoreEvent[];
  readonly revision: bigint;
}

/** How to watch. */
export interface WatchOptions {
  readonly prefix: string;
  /** Events after this revision. Throws reason COMPACTED if it is too old. */
  readonly fromRevision: bigint;
  readonly signal: AbortSignal;
}

/** A store. Throws LimiError with reason STORE_UNAVAILABLE when its medium fails. */
export interface Store {
  /** The entry, or undefined. */
  get(key: string): Promise<Entry | undefined>;
  /** One page of the entries whose keys begin with a prefix, by key. */
  list(options: ListOptions): Promise<ListPage>;
  /** Commits; durable when it returns. */
  commit(transaction: Transaction): Promise<CommitResult>;
  /**
   * Changes after a revision, in order and without a gap, until the signal aborts. A watcher that
   * falls behind by more than the store's bound gets reason COMPACTED and lists anew.
   */
  watch(options: WatchOptions): AsyncIterable<WatchBatch>;
  /**
   * Whether the changes after a revision are at hand, and a watch that goes on from there costs
   * next to nothing.
   */
  isRecent(revision: bigint): boolean;
  /** The newest revision. */
  revision(): Promise<bigint>;
  /** Forgets what is older than a revision; lists and watches before it get COMPACTED. */
  compact(revision: bigint): Promise<void>;
  close(): Promise<void>;
}
