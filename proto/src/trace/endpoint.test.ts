import { keyValues, tracesUrl } from './endpoint.js';

const base = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' };
const whole = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:4318/v1/traces' };

test.each([
  [{}, undefined, undefined],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, undefined, undefined],
  [base, undefined, 'http://collector:4318/v1/traces'],
  [{ ...base, ...whole }, undefined, 'http://traces:4318/v1/traces'],
  [{ ...base, ...whole }, 'https://other', 'https://other/v1/traces'],
  [{ ...base, OTEL_TRACES_EXPORTER: 'none' }, undefined, undefined],
  [{ ...base, OTEL_SDK_DISABLED: 'TRUE' }, 'https://other', undefined],
])('%j with %s sends to %s', (env, endpoint, url) => {
  expect(tracesUrl(env, endpoint)).toBe(url);
});

test('reads lists of keys and values', () => {
  expect(keyValues('a=1, b = two%20words ,c==,broken,d=100%')).toEqual({
    a: '1',
    b: 'two words',
    c: '=',
    d: '100%',
  });
  expect(keyValues(undefined)).toEqual({});
});
