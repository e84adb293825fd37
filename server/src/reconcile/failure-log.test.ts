import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { OperationSchema } from '@limiquantix/proto/operations/v1/operation_pb.js';
import { type Log, type LogFields, silentLog } from '../log.js';
import { LimiError } from '../resource/error.js';
import type { AnyResource } from '../resource/resource.js';
import { FailureLog } from './failure-log.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const away = new LimiError({
  code: Code.Unavailable,
  reason: 'AWAY',
  message: 'libvirtd is away',
  retryable: true,
});

function setup(operations: readonly AnyResource[] = []) {
  const lines: { level: string; fields: LogFields | undefined }[] = [];
  const log: Log = {
    ...silentLog,
    isDebug: true,
    debug: (_, fields) => lines.push({ level: 'debug', fields }),
    warn: (_, fields) => lines.push({ level: 'warn', fields }),
    error: (_, fields) => lines.push({ level: 'error', fields }),
  };
  const list = <R extends AnyResource>() => operations as unknown as R[];
  return { failures: new FailureLog(log, { list }), lines };
}

const subjectOf = (id: string, generation = 1n, cause = '') => ({
  key: { type: 'vm', id },
  resource: { name: `name-of-${id}`, generation },
  cause,
});

test('logs a failure that lasts once, and again after it was all right', () => {
  const { failures, lines } = setup();
  const levels = () => lines.map(({ level }) => level);
  const a = subjectOf('a');
  for (let attempt = 0; attempt < 5; attempt += 1) failures.failed(a, away);
  failures.failed(subjectOf('b'), away);
  expect(levels()).toEqual(['warn', 'warn']);
  failures.failed(a, new Error('something else'));
  failures.recovered(a.key);
  failures.failed(a, away);
  failures.failed(subjectOf('a', 2n), away);
  expect(levels().slice(2)).toEqual(['error', 'warn', 'warn']);
});

test('says which resource a line is about, which operation works on it and in which trace', () => {
  const operation = create(OperationSchema, {
    id: 'o1',
    spec: { targetType: 'vm', targetId: 'a' },
  });
  const { failures, lines } = setup([operation as unknown as AnyResource]);
  const cause = `00-${traceId}-00f067aa0ba902b7-01`;
  failures.acted(subjectOf('a', 3n, cause), ['define']);
  failures.failed(subjectOf('b'), away);
  failures.failed({ ...subjectOf('o1'), key: { type: 'operation', id: 'o1' } }, away);
  const about = { type: 'vm', id: 'a', name: 'name-of-a', generation: 3n };
  expect(lines.map(({ fields }) => fields)).toEqual([
    { ...about, operationId: 'o1', traceId, actions: ['define'] },
    { type: 'vm', id: 'b', name: 'name-of-b', generation: 1n, err: away },
    {
      type: 'operation',
      id: 'o1',
      name: 'name-of-o1',
      generation: 1n,
      operationId: 'o1',
      err: away,
    },
  ]);
});
