/**
 * The provider's schema is as it was last accepted: a change that breaks configurations or states
 * fails with its list, any other with the command that accepts it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  breakingChanges,
  type Outline,
  schemaOutline,
  unreadableStates,
} from '../provider/src/schema/outline.js';

const golden = JSON.parse(
  readFileSync(join(__dirname, 'golden', 'provider-schema.json'), 'utf8'),
) as Outline;

test('no change of the schema breaks what users have', () => {
  expect(breakingChanges(golden, schemaOutline())).toEqual([]);
});

test('no change of the schema leaves a state behind that nothing can read', () => {
  expect(unreadableStates(golden, schemaOutline())).toEqual([]);
});

test('the golden schema has every attribute: `npm run golden --workspace provider` writes it', () => {
  expect(schemaOutline()).toEqual(golden);
});
