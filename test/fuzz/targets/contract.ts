/** What people write: JSON and YAML of resources, field masks. */
import { isDeepStrictEqual } from 'node:util';
import { equals, fromJsonString, type Message, toJsonString } from '@bufbuild/protobuf';
import { applyMask, readMask } from '../../../server/src/api/field-mask.js';
import { createValidate } from '../../../server/src/api/validation.js';
import { parseManifests } from '../../../server/src/bin/documents.js';
import { intentDocument } from '../../../server/src/bin/intent-text.js';
import { yamlText } from '../../../server/src/bin/yaml-text.js';
import { LimiError } from '../../../server/src/resource/error.js';
import { contractTypes } from '../../../server/src/resource/type-registry.js';
import { holds, Outside, type Target } from '../target.js';
import { resourceOf, samplesOf, typed, under } from './samples.js';

const { types } = contractTypes;
const validate = createValidate();
const isOurs = (error: unknown): boolean => error instanceof LimiError;

const names = [...new Set(types.flatMap(({ spec }) => spec.fields.map(({ name }) => name)))];

/** A resource in JSON as clients of the API send it, and the rules for it. */
const json: Target = {
  name: 'contract-json',
  isText: true,
  bytesPerByte: 2_000,
  words: [
    ...[
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      'null',
      'true',
      '1e999',
      '-1',
      '"NaN"',
      '"\\ud800"',
      '{}',
    ],
    ...['"__proto__"', '"constructor"', '"@type"', '""', '1.5', '"9223372036854775808"', '[[]]'],
    ...names.map((name) => JSON.stringify(name)),
  ],
  make(random) {
    const type = random.pick(types);
    return under(type, toJsonString(type.message, resourceOf(type, random) as Message));
  },
  run(input) {
    const { type, text } = typed(input);
    const { message } = type;
    let resource: Message;
    try {
      resource = fromJsonString(message, text);
    } catch (error) {
      throw new Outside(error instanceof Error ? error.message : '');
    }
    const again = fromJsonString(message, toJsonString(message, resource));
    holds(equals(message, again, resource), 'what is written again is read as something else');
    validate(message, resource);
    return resource;
  },
  isRefusal: isOurs,
};

/** Files of resources. */
const manifest: Target = {
  name: 'manifest',
  isText: true,
  // A library parses it, which keeps every node with its place.
  bytesPerByte: 20_000,
  nsPerByte: 60_000,
  words: [
    ...[
      '\n',
      '---\n',
      '  ',
      '- ',
      ': ',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a',
      '<<: *a',
      '!!binary ',
      '|\n',
    ],
    ...[
      '>-\n',
      '? ',
      '"',
      "'",
      '#',
      '%YAML 1.1\n',
      '!!set ',
      '!!js/function ',
      'null',
      '~',
      'yes',
      '0x1F',
    ],
    ...[
      '1e999',
      '.inf',
      '.nan',
      '__proto__',
      'constructor',
      'type: vm\n',
      'spec:\n',
      '\t',
      '\r\n',
      '@',
    ],
    ...['&a [*a]', '2026-01-31', '\ufeff', '\u0085', '...\n', ...names],
  ],
  make(random) {
    const documents = random.many(3, () => {
      const type = random.pick(types);
      const resource = resourceOf(type, random);
      return `type: ${type.type}\n${yamlText([intentDocument(type, resource)])}`;
    });
    return Buffer.from(documents.join('---\n'));
  },
  run(input) {
    const manifests = parseManifests('fuzz.yaml', Buffer.from(input).toString('utf8'));
    for (const { type, resource, placeOf } of manifests) {
      holds(/^fuzz\.yaml:\d+$/.test(placeOf(['spec'])), 'a field has no place');
      const document = intentDocument(type, resource);
      const { type: _, ...plain } = document;
      const text = `type: ${type.type}\n${yamlText([plain])}`;
      const [again] = parseManifests('again.yaml', text);
      holds(again !== undefined, 'what is written again is no document');
      const same = intentDocument(type, again.resource);
      holds(isDeepStrictEqual(same, document), 'what is written again is read as something else');
    }
    return manifests;
  },
  isRefusal: isOurs,
};

/** Paths of a mask, one a line. */
const mask: Target = {
  name: 'field-mask',
  isText: true,
  words: ['.', 'spec', 'status', 'labels', 'name', '*', '\n', '__proto__', 'constructor', ...names],
  make(random) {
    const type = random.pick(types);
    const paths = random.many(5, () => {
      const field = random.pick(type.message.fields);
      const inner =
        field.message && random.chance(0.7) ? random.pick(field.message.fields) : undefined;
      return inner === undefined ? field.name : `${field.name}.${inner?.name}`;
    });
    return under(type, paths.join('\n'));
  },
  run(input) {
    const { type, text } = typed(input);
    const paths = text.split('\n');
    const [previous, given] = samplesOf(type);
    holds(previous !== undefined && given !== undefined, 'there are no samples');
    const next = applyMask(type, { previous, input: given, paths });
    const twice = applyMask(type, { previous: next, input: given, paths });
    const { message } = type;
    holds(equals(message, twice as Message, next as Message), 'applied twice it is another one');
    return readMask(type, paths)?.(given);
  },
  isRefusal: isOurs,
};

/** What people write that is fuzzed. */
export const contractTargets: readonly Target[] = [json, manifest, mask];
