/** How the command line comes again. */
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type UnaryRequest } from '@connectrpc/connect';
import { RetryInfoSchema } from '@limiquantix/proto/google/rpc/error_details_pb.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { retryInterceptor } from './retry.js';

function refused(code: Code): ConnectError {
  const value = create(RetryInfoSchema, { retryDelay: durationFromMs(600) });
  return new ConnectError('too much', code, undefined, [{ desc: RetryInfoSchema, value }]);
}

const request = { stream: false, signal: new AbortController().signal } as UnaryRequest;

it('makes a refused call again when the server says so', async () => {
  const clock = new VirtualClock();
  const errors = [refused(Code.ResourceExhausted), refused(Code.Aborted)];
  const called: number[] = [];
  const answer = retryInterceptor(clock)(async () => {
    called.push(clock.nowMs());
    const error = errors.shift();
    if (error !== undefined) throw error;
    return {} as never;
  })(request);
  for (let turn = 0; turn < 4; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(300);
  }
  await answer;
  expect(called).toEqual([0, 600, 1200]);
});

it('makes no call again that may have been carried out, or without being told to', async () => {
  const clock = new VirtualClock();
  for (const error of [refused(Code.Unavailable), new ConnectError('no', Code.NotFound)]) {
    const call = retryInterceptor(clock)(() => Promise.reject(error));
    await expect(call(request)).rejects.toBe(error);
  }
});
