/**
 * libvirt's errors as LimiErrors: whether trying again can help, and a text for people. libvirt's
 * own words are kept without paths, and in full only in the detail, which goes to the log.
 */
import { Code } from '@connectrpc/connect';
import { LimiError } from '../../resource/error.js';
import { LibvirtErrorCode } from '../../wire/libvirt/constants.js';
import {
  LibvirtClosedError,
  LibvirtError,
  LibvirtTimeoutError,
} from '../../wire/libvirt/errors.js';

/** Errors of a definition that will be the same next time. */
const HOPELESS: readonly number[] = [
  LibvirtErrorCode.XML_ERROR,
  LibvirtErrorCode.XML_DETAIL,
  LibvirtErrorCode.CONFIG_UNSUPPORTED,
];
const TEXT_LENGTH_MAX = 300;

/** Runs `work`; what it rejects with becomes a LimiError that says what could not be done. */
export async function explain<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toLimiError(what, error);
  }
}

/** An error as a LimiError; one that is already stays as it is. */
export function toLimiError(what: string, error: unknown): LimiError {
  if (error instanceof LimiError) return error;
  if (error instanceof LibvirtClosedError || error instanceof LibvirtTimeoutError) {
    return new LimiError({
      code: Code.Unavailable,
      reason: 'HYPERVISOR_UNAVAILABLE',
      message: `could not ${what}: libvirtd does not answer; is it running?`,
      retryable: true,
      detail: error.message,
      cause: error,
    });
  }
  const text = error instanceof Error ? error.message : String(error);
  const isHopeless = error instanceof LibvirtError && HOPELESS.includes(error.code);
  return new LimiError({
    code: isHopeless ? Code.FailedPrecondition : Code.Internal,
    reason: isHopeless ? 'HYPERVISOR_REFUSED' : 'HYPERVISOR_FAILED',
    message: `could not ${what}: ${withoutPaths(text)}`,
    retryable: !isHopeless,
    detail: text,
    cause: error,
  });
}

/** The first line, with the last part of each path only. */
function withoutPaths(text: string): string {
  const line = text.split('\n')[0] ?? '';
  return line.replace(/(?:\/[\w.@+:-]+)+\/([\w.@+:-]+)/g, '$1').slice(0, TEXT_LENGTH_MAX);
}
