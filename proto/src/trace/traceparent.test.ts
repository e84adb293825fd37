import { formatTraceparent, parseTraceparent, traceIdOf } from './traceparent.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

test.each([
  [`00-${traceId}-${spanId}-01`, true],
  [`00-${traceId}-${spanId}-00`, false],
  [`00-${traceId}-${spanId}-03`, true],
  [`cc-${traceId}-${spanId}-01-what-the-future-will-be-like`, true],
])('reads %s', (header, isSampled) => {
  expect(parseTraceparent(header)).toEqual({ traceId, spanId, isSampled });
  expect(traceIdOf(header)).toBe(traceId);
});

test.each([
  undefined,
  '',
  'hello',
  `00-${traceId}-${spanId}`,
  `00-${traceId}-${spanId}-01-more`,
  `ff-${traceId}-${spanId}-01`,
  `00-${traceId.toUpperCase()}-${spanId}-01`,
  `00-${'0'.repeat(32)}-${spanId}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `00-${traceId}-${spanId}-01\r\nauthorization: x`,
])('takes %j for no trace', (header) => {
  expect(parseTraceparent(header)).toBeUndefined();
});

test('writes what it reads', () => {
  const header = `00-${traceId}-${spanId}-01`;
  expect(formatTraceparent({ traceId, spanId, isSampled: true })).toBe(header);
  expect(formatTraceparent({ traceId, spanId, isSampled: false })).toBe(
    `00-${traceId}-${spanId}-00`,
  );
});
