import { Code } from '@connectrpc/connect';
import { type Log, silentLog } from '../log.js';
import { LimiError } from '../resource/error.js';
import { FailureLog } from './failure-log.js';

test('logs a failure that lasts once, and again after it was all right', () => {
  const lines: string[] = [];
  const log: Log = {
    ...silentLog,
    warn: () => lines.push('warn'),
    error: () => lines.push('error'),
  };
  const failures = new FailureLog(log);
  const key = { type: 'vm', id: 'a' };
  const away = new LimiError({
    code: Code.Unavailable,
    reason: 'AWAY',
    message: 'libvirtd is away',
    retryable: true,
  });
  for (let attempt = 0; attempt < 5; attempt += 1) failures.failed(key, 1n, away);
  failures.failed({ type: 'vm', id: 'b' }, 1n, away);
  expect(lines).toEqual(['warn', 'warn']);
  failures.failed(key, 1n, new Error('something else'));
  failures.recovered(key);
  failures.failed(key, 1n, away);
  failures.failed(key, 2n, away);
  expect(lines.slice(2)).toEqual(['error', 'warn', 'warn']);
});
