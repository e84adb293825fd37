import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { AuditEventSchema } from '@limiquantix/proto/identity/v1/audit_event_pb.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import type { AnyResource } from '../resource/resource.js';
import { Causes, causeLastsMs, causesMax } from './causes.js';

const traceOf = (digit: number): string =>
  `00-${String(digit).padStart(32, '1')}-00f067aa0ba902b7-01`;

function setup() {
  const clock = new VirtualClock(1_000_000);
  const causes = new Causes(clock);
  const event = (revision: number, traceparent: string, createdMs = clock.nowMs()): void => {
    const createdAt = timestampFromMs(createdMs);
    const fields = { revision: BigInt(revision), createdAt, spec: { traceparent } };
    const resource = create(AuditEventSchema, fields) as unknown as AnyResource;
    causes.changed({ key: { type: 'audit_event', id: 'x' }, resource, previous: undefined });
  };
  return { clock, causes, event };
}

test('a resource belongs to the trace of the call that last changed its intent', () => {
  const { causes, event } = setup();
  event(7, traceOf(7));
  event(8, '');
  expect(causes.causeOf({ etag: '7' })).toBe(traceOf(7));
  expect(causes.causeOf({ etag: '8' })).toBe('');
  expect(causes.causeOf({ etag: '9' })).toBe('');
});

test('what comes long after a change is no part of its trace, nor is it after a restart', () => {
  const { clock, causes, event } = setup();
  event(7, traceOf(7));
  clock.advance(causeLastsMs - 1);
  expect(causes.causeOf({ etag: '7' })).toBe(traceOf(7));
  clock.advance(1);
  expect(causes.causeOf({ etag: '7' })).toBe('');
  event(7, traceOf(7), 1_000_000);
  expect(causes.causeOf({ etag: '7' })).toBe('');
});

test('remembers no more than a bound, and forgets the oldest', () => {
  const { causes, event } = setup();
  for (let revision = 1; revision <= causesMax + 1; revision += 1) event(revision, traceOf(1));
  expect(causes.causeOf({ etag: '1' })).toBe('');
  expect(causes.causeOf({ etag: '2' })).toBe(traceOf(1));
  expect(causes.causeOf({ etag: String(causesMax + 1) })).toBe(traceOf(1));
});
