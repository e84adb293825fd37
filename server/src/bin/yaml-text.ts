/** Documents as YAML: apart, because most commands need none. Pure. */
import { stringify } from 'yaml';
import type { Document } from './words/to-document.js';

/** Documents as YAML, one after the other; long lines stay whole. */
export function yamlText(documents: readonly Document[]): string {
  return documents.map((one) => stringify(one, { lineWidth: 0 })).join('---\n');
}
