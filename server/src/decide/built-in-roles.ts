/**
 * The roles that are always there, made from the contract: a new resource type needs no line here.
 * Pure.
 */
import type { ResourceType } from '../resource/type-registry.js';

/** A role that comes with LimiQuantix. */
export interface BuiltInRole {
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly string[];
}

const reading = ['*.get', '*.list'];

/** What keeps things going without changing what they are. */
const operating = [
  'vm.start',
  'vm.stop',
  'vm.reboot',
  'vm.reset',
  'vm.pause',
  'vm.resume',
  'vm.suspend',
  'vm.migrate',
  'vm.console',
  'vm_snapshot.create',
  'volume_snapshot.create',
  'backup_policy.run',
  'storage_pool.reconnect',
  'node.drain',
  'operation.cancel',
  'inventory.repair',
];

/** The domain whose resources say who may do what. */
const identityDomain = 'limiquantix.identity.';

/** The roles of a contract. */
export function builtInRoles(types: readonly ResourceType[]): readonly BuiltInRole[] {
  const editing = types
    .filter(({ message, methods }) => methods.write && !message.typeName.startsWith(identityDomain))
    .map(({ type }) => `${type}.*`);
  return [
    { name: 'viewer', description: 'Reads everything.', permissions: reading },
    {
      name: 'operator',
      description: 'Reads everything, and keeps what is there going.',
      permissions: [...reading, ...operating],
    },
    {
      name: 'editor',
      description: 'Reads everything, and changes everything but who may do what.',
      permissions: [...reading, ...editing, 'backup.*', 'upload.write', 'operation.cancel'],
    },
    { name: 'admin', description: 'Does everything.', permissions: ['*.*'] },
  ];
}
