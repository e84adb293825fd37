/**
 * The shape of a resource: header and spec flattened into one object, the status as one computed
 * attribute, and the provider's own attributes.
 */
import { type DescField, type DescMessage, type DescService, getOption } from '@bufbuild/protobuf';
import {
  type ResourceOptions,
  resource as resourceOption,
  Scope,
} from '@limiquantix/proto/resource/v1/options_pb.js';
import { fieldAttributes, messageAttributes } from './message-shape.js';
import { ownAttributes } from './own-attributes.js';
import { type Attribute, type ObjectShape, objectShape } from './shape.js';

/** A resource type of the contract, as Terraform sees it. */
export interface ResourceShape {
  /** The contract's name, such as `vm`. */
  readonly type: string;
  /** Terraform's name, such as `limiquantix_vm`. */
  readonly typeName: string;
  readonly plural: string;
  /** The version of what Terraform keeps of it: counts up where a kept state must be changed. */
  readonly schemaVersion: number;
  readonly options: ResourceOptions;
  readonly message: DescMessage;
  readonly service: DescService;
  readonly specField: DescField & { message: DescMessage };
  readonly statusField: DescField & { message: DescMessage };
  /** The header's attributes. */
  readonly header: readonly Attribute[];
  /** The spec's attributes. */
  readonly spec: ObjectShape;
  readonly status: ObjectShape;
  /** The provider's own attributes. */
  readonly own: readonly Attribute[];
  /** All of them: what Terraform sees. */
  readonly object: ObjectShape;
  /** Whether local files may be named in the spec, to be uploaded. */
  readonly hasUploads: boolean;
  /** Names of the spec's attributes that refer to resources whose changes it follows. */
  readonly followed: readonly string[];
}

/** The prefix of every type's name in Terraform. */
export const typePrefix = 'limiquantix_';

/** Header fields that LimiQuantix sets and that never change: the others would only make noise. */
const stableOutputs = new Set(['id', 'created_at', 'created_by']);

/** Names that Terraform keeps for itself at the top of a resource. */
const rootNamesTaken = new Set([
  'connection',
  'count',
  'depends_on',
  'for_each',
  'lifecycle',
  'provider',
  'provisioner',
]);

/** The shape of one resource type. Throws if the contract can't be expressed in Terraform. */
export function resourceShape(message: DescMessage, service: DescService): ResourceShape {
  const options = getOption(message, resourceOption);
  const specField = messageField(message, 'spec');
  const statusField = messageField(message, 'status');
  const header = headerAttributes(message, options);
  const spec = objectShape(specField.message, messageAttributes(specField.message, 'intent'));
  const status = fieldAttributes(statusField, 'observation', [message]);
  const statusShape = status[0]?.element;
  if (typeof statusShape !== 'object') throw new Error(`${message.typeName}: no status`);
  const own = ownAttributes();
  const attributes = [...header, ...spec.attributes, ...status, ...own];
  for (const { name } of attributes) {
    if (rootNamesTaken.has(name)) {
      throw new Error(`${message.typeName}: Terraform keeps the name ${name}; rename the field`);
    }
  }
  return {
    type: options.type,
    typeName: typePrefix + options.type,
    plural: options.plural,
    schemaVersion: schemaVersionOf(options),
    options,
    message,
    service,
    specField,
    statusField,
    header,
    spec,
    status: statusShape,
    own,
    object: objectShape(message, attributes),
    hasUploads: hasUploads(spec),
    followed: spec.attributes.filter(({ behavior }) => behavior.followed).map(({ name }) => name),
  };
}

/** One more than the highest version that a step leads away from. */
export function schemaVersionOf({ stateSteps }: Pick<ResourceOptions, 'stateSteps'>): number {
  return Math.max(-1, ...stateSteps.map(({ from }) => from)) + 1;
}

function headerAttributes(message: DescMessage, options: ResourceOptions): Attribute[] {
  return message.fields
    .filter(({ name }) => name !== 'spec' && name !== 'status')
    .flatMap((field) => fieldAttributes(field, 'intent', [message]))
    .filter(({ name, mode }) => mode !== 'computed' || stableOutputs.has(name))
    .filter(({ name }) => name !== 'project_id' || options.scope === Scope.PROJECT)
    .map((attribute) =>
      attribute.name === 'project_id' ? { ...attribute, mode: 'optional_computed' } : attribute,
    );
}

function messageField(message: DescMessage, name: string): DescField & { message: DescMessage } {
  const field = message.fields.find((candidate) => candidate.name === name);
  if (field?.fieldKind !== 'message') throw new Error(`${message.typeName}: no field ${name}`);
  return field;
}

function hasUploads({ attributes }: ObjectShape): boolean {
  return attributes.some(
    ({ behavior, element }) =>
      behavior.upload !== undefined || (typeof element === 'object' && hasUploads(element)),
  );
}
