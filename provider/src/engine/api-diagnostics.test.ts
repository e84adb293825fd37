import { ApiError } from './api.js';
import { apiDiagnostics } from './api-diagnostics.js';
import { shapeOf } from './engine-testing.js';

const error = (code: string, reason: string, message: string) =>
  new ApiError({ code, reason, message, violations: [] });

test('a resource that is in use says how to remove it with what refers to it', () => {
  const inUse = error('failed_precondition', 'IN_USE', 'volume "data" is in use by vm "app"');
  const [told] = apiDiagnostics(shapeOf('volume'), { verb: 'delete', name: 'data' }, inUse);
  expect(told?.summary).toBe('Cannot delete limiquantix_volume "data"');
  expect(told?.detail).toMatch(/^Volume "data" is in use by vm "app"\.\n\n/);
  expect(told?.detail).toMatch(
    /references first, or set lifecycle \{ create_before_destroy = true/,
  );
});

test('a name that is taken says how to import what has it', () => {
  const taken = error('already_exists', 'ALREADY_EXISTS', 'there is a volume "data" already');
  const [told] = apiDiagnostics(shapeOf('volume'), { verb: 'create', name: 'data' }, taken);
  expect(told?.detail).toContain('terraform import <address> data');
});
