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
  const resources = new Map<string, AnyResource>();
  const causes = new Causes(clock, {
    get: <R extends AnyResource>(_: string, id: string) => resources.get(id) as R | undefined,
  });
  /** Stores a resource as of a revision, and returns the trace that work on it belongs to. */
  const cause = (id: string, revision: number, more: object = {}): string => {
    const resource = { id, etag: String(revision), ...more } as unknown as AnyResource;
    resources.set(id, resource);
    return causes.causeOf(resource);
  };
  const event = (revision: number, traceparent: string, createdMs = clock.nowMs()): void => {
    const createdAt = timestampFromMs(createdMs);
    const fields = { revision: BigInt(revision), createdAt, spec: { traceparent } };
    const resource = create(AuditEventSchema, fields) as unknown as AnyResource;
    causes.changed({ key: { type: 'audit_event', id: 'x' }, resource, previous: undefined });
  };
  return { cause, clock, event };
}

test('a resource belongs to the trace of the call that last changed its intent', () => {
  const { cause, event } = setup();
  event(7, traceOf(7));
  event(8, '');
  expect(cause('a', 7)).toBe(traceOf(7));
  expect(cause('a', 8)).toBe('');
  expect(cause('a', 9)).toBe('');
});

test('what comes long after a change is no part of its trace, nor is it after a restart', () => {
  const { cause, clock, event } = setup();
  event(7, traceOf(7));
  clock.advance(causeLastsMs - 1);
  expect(cause('a', 7)).toBe(traceOf(7));
  clock.advance(1);
  expect(cause('a', 7)).toBe('');
  event(7, traceOf(7), 1_000_000);
  expect(cause('a', 7)).toBe('');
});

test('what the control plane does for a fleet belongs to the call that changed it or its template', () => {
  const { cause, event } = setup();
  const ofFleet = { owner: { type: 'vm_fleet', id: 'fleet' } };
  const ofMachine = { owner: { type: 'vm', id: 'vm' } };
  const template = { case: 'templateId', value: 'template' };
  event(7, traceOf(7));
  event(9, traceOf(9));
  cause('template', 5);
  expect(cause('fleet', 7, { spec: { template } })).toBe(traceOf(7));
  expect(cause('vm', 8, ofFleet)).toBe(traceOf(7));
  expect(cause('port', 8, ofMachine)).toBe(traceOf(7));
  // It was there before, and isn't changed yet.
  expect(cause('older', 6, ofFleet)).toBe('');
  cause('template', 9);
  expect(cause('fleet', 7, { spec: { template } })).toBe(traceOf(9));
  expect(cause('vm', 8, ofFleet)).toBe(traceOf(7));
  expect(cause('vm', 10, ofFleet)).toBe(traceOf(9));
  expect(cause('port', 10, ofMachine)).toBe(traceOf(9));
  // A call of its own counts before all others.
  event(11, traceOf(2));
  expect(cause('vm', 11, ofFleet)).toBe(traceOf(2));
});

test('remembers no more than a bound, and forgets the oldest', () => {
  const { cause, event } = setup();
  for (let revision = 1; revision <= causesMax + 1; revision += 1) event(revision, traceOf(1));
  expect(cause('a', 1)).toBe('');
  expect(cause('a', 2)).toBe(traceOf(1));
  expect(cause('a', causesMax + 1)).toBe(traceOf(1));
});
