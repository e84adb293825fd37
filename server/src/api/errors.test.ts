import { Code } from '@connectrpc/connect';
import type { Log } from '../log.js';
import { toConnectError } from './errors.js';

function convert(error: unknown) {
  const logged: string[] = [];
  const log: Log = {
    debug: (message) => void logged.push(message),
    info: (message) => void logged.push(message),
    warn: (message) => void logged.push(message),
    error: (message) => void logged.push(message),
  };
  const { code } = toConnectError(error, {
    log,
    newId: () => 'id',
    call: { method: 'Service/Method' },
  });
  return { code, logged };
}

test.each([
  ['an aborted call', { name: 'AbortError' }],
  ['a write after the peer closed its socket', { code: 'EPIPE', syscall: 'write' }],
  ['a write that the end of the connection cancelled', { code: 'ECANCELED', syscall: 'write' }],
  ['a write to a stream that is gone', { code: 'ERR_HTTP2_INVALID_STREAM' }],
])('%s is no failure of the server', (_, fields) => {
  const error = Object.assign(new Error('it broke'), fields);
  expect(convert(error)).toEqual({ code: Code.Canceled, logged: [] });
});

test.each([
  ['a full disk', { code: 'ENOSPC', syscall: 'write' }],
  ['a backend that closed its socket', { code: 'ECONNRESET', syscall: 'read' }],
  ['a broken invariant', {}],
])('%s is one, and the log says so', (_, fields) => {
  const error = Object.assign(new Error('it broke'), fields);
  expect(convert(error)).toEqual({ code: Code.Internal, logged: ['a call failed'] });
});
