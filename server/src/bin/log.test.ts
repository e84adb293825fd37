import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import { createLog } from './log.js';

const failure = new LimiError({
  code: Code.Unavailable,
  reason: 'AWAY',
  message: 'the backend is away',
  detail: '/run/socket',
  cause: Object.assign(new Error('ENOENT'), { code: 'ENOENT' }),
});

function logged(isTerminal: boolean): string {
  let text = '';
  const log = createLog({
    level: 'info',
    isTerminal,
    write: (line) => {
      text += line;
    },
  });
  log.debug('not this');
  log.error('cannot reconcile', { type: 'vm', generation: 3n, err: failure });
  return text;
}

test('writes one readable line with the chain of causes on a terminal', () => {
  expect(logged(true)).toMatch(
    /^\d\d:\d\d:\d\d error cannot reconcile type=vm generation=3: the backend is away \(\/run\/socket\): ENOENT\n$/,
  );
});

test('writes JSON elsewhere', () => {
  expect(JSON.parse(logged(false))).toMatchObject({
    level: 'error',
    msg: 'cannot reconcile',
    generation: '3',
    err: { message: 'the backend is away', reason: 'AWAY', cause: { message: 'ENOENT' } },
  });
});
