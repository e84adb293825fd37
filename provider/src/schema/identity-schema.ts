/**
 * What identifies a resource to Terraform beside its state: its id, which never changes. Names
 * change, so they are no part of it.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ResourceIdentitySchemaSchema } from '../../gen/tfplugin6_pb.js';
import type { TerraformType } from '../value/type.js';

/** The version of the identity's schema, the same for all types. */
export const identityVersion = 0;

/** The type of an identity. */
export const identityType: TerraformType = { kind: 'object', attributes: { id: 'string' } };

/** What the identity's attribute is. */
export const identityNote = 'The id (UUIDv7) that the control plane assigned.';

/** The schema of the identity of every resource type. */
export const identitySchema: MessageInitShape<typeof ResourceIdentitySchemaSchema> = {
  version: BigInt(identityVersion),
  identityAttributes: [
    {
      name: 'id',
      type: new TextEncoder().encode('"string"'),
      requiredForImport: true,
      description: identityNote,
    },
  ],
};
