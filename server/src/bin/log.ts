/**
 * The real log: pino to standard error, JSON for machines, one readable line each on a terminal. An
 * error is told as the chain of its causes, with what is only for the log.
 */
import pino from 'pino';
import type { Log, LogFields } from '../log.js';
import { LimiError } from '../resource/error.js';
import type { LogLevel } from './log-levels.js';

/** How a log is made. */
export interface LogOptions {
  readonly level: LogLevel;
  /** Readable lines in place of JSON. */
  readonly isTerminal: boolean;
  readonly write: (text: string) => void;
  /** What each line says besides. */
  readonly base?: LogFields;
}

/** Makes the log of a process. */
export function createLog(options: LogOptions): Log {
  const { level, isTerminal, write, base = {} } = options;
  const stream = { write: isTerminal ? (line: string) => write(readable(line)) : write };
  const logger = pino(
    {
      level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
    },
    stream,
  );
  const at = (name: LogLevel) => {
    if (!logger.isLevelEnabled(name)) return () => undefined;
    return (message: string, fields: LogFields = {}): void => logger[name](plain(fields), message);
  };
  const isDebug = logger.isLevelEnabled('debug');
  return { isDebug, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

interface ErrorDescription {
  readonly message: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly stack?: string;
  readonly cause?: ErrorDescription;
}

/** Chains of causes are told up to this depth. */
const causesMax = 8;

function describeError(error: unknown, depth = 0): ErrorDescription {
  if (typeof error !== 'object' || error === null || !('message' in error)) {
    return { message: String(error) };
  }
  const { message, stack } = error as Error;
  const cause = 'cause' in error && depth < causesMax ? error.cause : undefined;
  const isExpected = error instanceof LimiError || 'code' in error;
  return {
    message,
    ...(error instanceof LimiError ? { reason: error.reason } : {}),
    ...('detail' in error && typeof error.detail === 'string' ? { detail: error.detail } : {}),
    ...(isExpected || stack === undefined ? {} : { stack }),
    ...(cause === undefined ? {} : { cause: describeError(cause, depth + 1) }),
  };
}

/** JSON has no bigint. */
function plain(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      typeof value === 'bigint' ? String(value) : value,
    ]),
  );
}

function readable(line: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const facts = Object.entries(fields).map(([key, value]) => `${key}=${word(value)}`);
  const head = [String(time).slice(11, 19), String(level).padEnd(5), String(msg), ...facts];
  return `${head.join(' ')}${err === undefined ? '' : `: ${chain(err as ErrorDescription)}`}\n`;
}

function chain(error: ErrorDescription): string {
  const detail = error.detail === undefined ? '' : ` (${error.detail})`;
  const cause = error.cause === undefined ? '' : `: ${chain(error.cause)}`;
  const stack = error.stack === undefined ? '' : `\n${error.stack}`;
  return `${error.message}${detail}${cause}${stack}`;
}

function word(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
