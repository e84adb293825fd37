/**
 * Writes `test/golden/provider-schema.json`, which the schema is compared with. Refuses to where
 * that would break what users have, unless told so with `--breaking`.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { breakingChanges, schemaOutline, unreadableStates } from '../src/schema/outline.js';

const file = new URL('../../test/golden/provider-schema.json', import.meta.url);
const before = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
const after = schemaOutline();
const breaking = breakingChanges(before, after);
if (breaking.length > 0 && !process.argv.includes('--breaking')) {
  process.stderr.write(`golden: these break what users have:\n  ${breaking.join('\n  ')}\n`);
  process.exit(1);
}
const unreadable = unreadableStates(before, after);
if (unreadable.length > 0) {
  process.stderr.write(`golden: kept states would be unreadable:\n  ${unreadable.join('\n  ')}\n`);
  process.exit(1);
}
mkdirSync(new URL('.', file), { recursive: true });
writeFileSync(file, `${JSON.stringify(after, null, 1)}\n`);
process.stdout.write(`golden: ${Object.keys(after).length} attributes\n`);
