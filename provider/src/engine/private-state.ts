/**
 * What the provider keeps beside a resource's state, unseen by the user: the word that makes a
 * creation repeatable, what it knows of uploaded files, what the state was made from, and which
 * intent it is of.
 */

/**
 * What is known of a local file whose content was hashed; good as long as size and time are the
 * same.
 */
export interface FileFacts {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly sha256: string;
}

/** What is kept. */
export interface PrivateState {
  /** The request_id of a creation that is planned. */
  readonly requestId?: string;
  /** By the path as it was written. */
  readonly files?: Readonly<Record<string, FileFacts>>;
  readonly origin?: Origin;
  /** The etag of what the state is of: a change that was planned on it is for nothing else. */
  readonly etag?: string;
}

/** What a state was made from: a refresh at the same revision finds nothing new. */
export interface Origin {
  readonly id: string;
  /** Decimal. */
  readonly revision: string;
  /** The form of states that was written; a newer provider may write another. */
  readonly form: string;
}

/** Reads what was kept; nothing, if it isn't ours. */
export function decodePrivate(bytes: Uint8Array): PrivateState {
  if (bytes.length === 0) return {};
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Writes what is to be kept. */
export function encodePrivate(state: PrivateState): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(state));
}
