/** The function `parse_id`: what an id, or a name as import takes it, is made of. Pure. */
import { parseReference } from '../value/reference.js';
import { record } from '../value/value.js';
import { ArgumentError, type ProviderFunction } from './function.js';

/** The function. */
export const parseId: ProviderFunction = {
  name: 'parse_id',
  summary: 'What an id, or a name with its project, is made of.',
  description:
    'Takes what `terraform import` takes: an id, a name, or a project and a name with a slash between. ' +
    'Gives an object with `id`, `project_id`, `name`, and `created_at`, the time that an id holds; what ' +
    "the text doesn't say is null.",
  parameters: [
    {
      name: 'id',
      type: 'string',
      description: 'Such as `01920000-0000-7000-8000-000000000001`, `web` or `default/web`.',
    },
  ],
  variadic: undefined,
  returns: {
    kind: 'object',
    attributes: { id: 'string', project_id: 'string', name: 'string', created_at: 'string' },
  },
  call: ([given]) => {
    const text = String(given);
    const reference = parseReference(text);
    if (reference === undefined) {
      throw new ArgumentError(0, `must be an id, <name> or <project>/<name>, not "${text}"`);
    }
    const { id, projectId, name } = reference;
    return record([
      ['id', id ?? null],
      ['project_id', projectId ?? null],
      ['name', name ?? null],
      ['created_at', id === undefined ? null : timeOf(id)],
    ]);
  },
};

/** The time in a UUID of version 7 (RFC 9562 §5.7); null in one of another. */
function timeOf(id: string): string | null {
  if (id[14] !== '7') return null;
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toISOString();
}
