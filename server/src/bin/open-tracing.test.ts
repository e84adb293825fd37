import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTracing } from './open-tracing.js';

test('without an endpoint nothing is recorded, and a trace is passed on', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const service = 'limiquantix';
  const { tracing, close } = await openTracing({ service, env: {}, traceparent });
  expect(tracing.isOn).toBe(false);
  const seen: string[] = [];
  const work = { name: 'work', cause: '', isBeginning: true };
  await tracing.enter(work, () =>
    tracing.within(work, async (span) => {
      span.add({ some: 'thing' });
      seen.push(tracing.current());
    }),
  );
  expect(seen).toEqual([traceparent]);
  expect((await openTracing({ service, env: {} })).tracing.current()).toBe('');
  await close();
});

test("OpenTelemetry's SDK is in one file, which is loaded when somebody asks for it", () => {
  const root = join(__dirname, '..');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  const having = (pattern: RegExp): string[] =>
    files.filter((name) => pattern.test(readFileSync(join(root, name), 'utf8')));
  expect(having(/from '@opentelemetry\//)).toEqual(['bin/open-telemetry.ts']);
  expect(having(/from '.*\/open-telemetry\.js'/)).toEqual([]);
  expect(having(/import\('\.\/open-telemetry\.js'\)/)).toEqual(['bin/open-tracing.ts']);
});
