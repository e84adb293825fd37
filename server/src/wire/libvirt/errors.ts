/**
 * What can go wrong with a call to libvirtd: a typed error of the daemon, a connection that is
 * gone, a deadline that passed. Messages are the daemon's own words; callers map them.
 */

/** An error that libvirtd answered (`remote_error`); `code` is a `virErrorNumber`. */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError';
  readonly code: number;
  readonly domain: number;
  readonly level: number;

  constructor(fields: { code: number; domain: number; message: string; level?: number }) {
    super(fields.message);
    this.code = fields.code;
    this.domain = fields.domain;
    this.level = fields.level ?? 2;
  }
}

/** The connection is not there (any more); whether a pending call took effect is unknown. */
export class LibvirtClosedError extends Error {
  override readonly name = 'LibvirtClosedError';
}

/** No answer within the call's deadline; whether the call took effect is unknown. */
export class LibvirtTimeoutError extends Error {
  override readonly name = 'LibvirtTimeoutError';
  readonly timeoutMs: number;

  constructor(procedure: string, timeoutMs: number) {
    super(`libvirtd did not answer ${procedure} within ${timeoutMs} ms`);
    this.timeoutMs = timeoutMs;
  }
}

/** Whether `error` is libvirtd's answer with one of these `LibvirtErrorCode` values. */
export function isLibvirtError(error: unknown, ...codes: readonly number[]): boolean {
  return error instanceof LibvirtError && codes.includes(error.code);
}
