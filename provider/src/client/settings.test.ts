import { DiagnosticError } from '../engine/diagnostic.js';
import { resolveSettings, type SettingsSource } from './settings.js';

const pem = '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n';
const profile = JSON.stringify({
  endpoint: 'https://profile:7443',
  token: 'lqx_profile',
  ca_certificate: pem,
});

function resolve(
  given: SettingsSource,
  environment: SettingsSource,
  files: Readonly<Record<string, string>> = {},
) {
  const readFile = (path: string): string | undefined => files[path];
  return resolveSettings({ given, environment, profileDefault: '/home/me/profile', readFile });
}

test('an argument wins over the environment, and that over the profile', () => {
  const files = { '/home/me/profile': profile };
  expect(resolve({}, {}, files)).toEqual({
    endpoint: 'https://profile:7443',
    token: 'lqx_profile',
    caCertificate: pem,
  });
  const given = { endpoint: 'https://given:1' };
  const environment = { endpoint: 'https://environment:2', token: 'lqx_environment' };
  expect(resolve(given, environment, files)).toMatchObject({
    endpoint: 'https://given:1',
    token: 'lqx_environment',
  });
});

test('a certificate may be given by its path', () => {
  const given = { endpoint: 'https://a:1', token: 't', caCertificate: 'ca.pem' };
  expect(resolve(given, {}, { 'ca.pem': pem }).caCertificate).toBe(pem);
});

test.each<[string, SettingsSource, Record<string, string>, RegExp]>([
  ['nothing', {}, {}, /one of three ways.*LIMIQUANTIX_ENDPOINT.*\/home\/me\/profile/],
  ['no token', { endpoint: 'https://a:1' }, {}, /LIMIQUANTIX_TOKEN/],
  ['an endpoint that is none', { endpoint: 'a:1', token: 't' }, {}, /not "a:1"/],
  ['a profile that is not there', { profile: 'p' }, {}, /profile file "p" does not exist/],
  ['a profile that is no JSON', { profile: 'p' }, { p: '<' }, /"p" is no JSON object/],
  ['a wrong CA', { endpoint: 'https://a:1', token: 't', caCertificate: 'x' }, {}, /in PEM/],
])('with %s, says what to do', (_, given, files, message) => {
  expect(() => resolve(given, {}, files)).toThrow(DiagnosticError);
  expect(() => resolve(given, {}, files)).toThrow(message);
});
