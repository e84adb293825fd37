/**
 * Writes `gen/provider-schema.ts`: the encoded answer to GetProviderSchema, so that a provider
 * process need not load the contract to give it.
 */
import { writeFileSync } from 'node:fs';
import { toBinary } from '@bufbuild/protobuf';
import { GetProviderSchemaResponseSchema } from '../gen/tfplugin6_pb.js';
import { providerSchema } from '../src/schema/encode-schema.js';

const bytes = toBinary(GetProviderSchemaResponseSchema, providerSchema());
const base64 = Buffer.from(bytes).toString('base64');
writeFileSync(
  new URL('../gen/provider-schema.ts', import.meta.url),
  [
    '// Written by scripts/build-schema.ts; not for editing.',
    '/** The encoded answer to GetProviderSchema. */',
    `export const providerSchemaBytes = (): Uint8Array => Buffer.from('${base64}', 'base64');`,
    '',
  ].join('\n'),
);
