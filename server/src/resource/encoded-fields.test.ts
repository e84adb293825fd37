import { create, toBinary } from '@bufbuild/protobuf';
import { ProjectSchema } from '@limiquantix/proto/identity/v1/project_pb.js';
import { findEncoded } from './encoded-fields.js';

describe('fields of an encoded message', () => {
  const project = create(ProjectSchema, {
    id: 'an id',
    name: 'größe',
    labels: { a: 'b' },
    generation: 2n ** 60n,
    protected: true,
    etag: 'x'.repeat(300),
  });
  const bytes = toBinary(ProjectSchema, project);
  const textOf = (name: keyof typeof ProjectSchema.field, from = bytes): string | undefined => {
    const found = findEncoded(from, ProjectSchema.field[name].number);
    return found && Buffer.from(found).toString();
  };

  it('are found behind others of all kinds', () => {
    expect([textOf('id'), textOf('name'), textOf('etag')]).toEqual([
      project.id,
      project.name,
      project.etag,
    ]);
  });

  it('that are absent are not found', () => {
    expect(textOf('createdBy')).toBeUndefined();
    expect(findEncoded(new Uint8Array(), 1)).toBeUndefined();
  });

  it('count as the last of their kind', () => {
    const again = toBinary(ProjectSchema, create(ProjectSchema, { name: 'later' }));
    expect(textOf('name', Buffer.concat([bytes, again]))).toBe('later');
  });

  it.each([1, 3, bytes.length - 1])('are not read beyond the end at %i', (length) => {
    expect(() => findEncoded(bytes.subarray(0, length), 99)).toThrow('ends within');
  });
});
