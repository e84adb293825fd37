/**
 * The machines that a fleet wants, each by its number: the fleet's blueprint or template with its
 * texts filled in, and what is different for that number. Pure; equal parts are made once.
 */
import { create } from '@bufbuild/protobuf';
import {
  type FleetOverride,
  FleetSpreadSchema,
  type VmFleet,
  VmFleetSpecSchema,
} from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import {
  NicPortSpecSchema,
  NicSpecSchema,
  PlacementSpecSchema,
  SpreadRuleSchema,
  type VirtualMachine,
  VirtualMachineSchema,
  type VirtualMachineSpec,
  VirtualMachineSpecSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { VmTemplate } from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import { effective } from '../resource/default-values.js';
import { entryPath } from '../resource/field-access.js';
import { invalidFields } from '../resource/invalid-fields.js';
import { patched } from '../resource/patched.js';
import { replaceTexts } from '../resource/texts.js';
import type { Validate } from './admission.js';
import { fillParameters, fillTemplate } from './template.js';

/** What a fleet's machines follow from. */
export interface FleetMachinesInput {
  readonly fleet: VmFleet;
  /** The template that it follows, if it follows one. */
  readonly template: VmTemplate | undefined;
  readonly validate: Validate;
}

/** A machine as the fleet wants it. */
export type WantedMachine = Pick<VirtualMachine, 'name' | 'labels'> & {
  readonly spec: VirtualMachineSpec;
};

/** The machine of a number. Throws INVALID_ARGUMENT where the template's parameters don't fit. */
export type MachineOf = (index: number) => WantedMachine;

/** A machine that is to be made, with the node that it gets. */
export interface MachineToMake {
  readonly index: number;
  readonly id: string;
  readonly wanted: WantedMachine;
  readonly nodeId: string;
  /** Why that node, for people. */
  readonly reasons: readonly string[];
}

/** A machine that is to be changed. */
export interface MachineToChange {
  readonly id: string;
  readonly wanted: WantedMachine;
}

/** What is done to a fleet's machines in one go. */
export interface FleetBatch {
  readonly make: readonly MachineToMake[];
  readonly change: readonly MachineToChange[];
}

/** The label that every machine of a fleet has, with the fleet's name. */
export const fleetLabel = 'fleet';

interface Blueprint {
  readonly spec: VirtualMachineSpec;
  /** Whether a text has the machine's number in it. */
  readonly isNumbered: boolean;
}

/** Makes the function that says what the machine of a number is. */
export function machinesOf(input: FleetMachinesInput): MachineOf {
  const { fleet } = input;
  const blueprints = new Map<string, Blueprint>();
  const placed = new Map<string, VirtualMachineSpec>();
  return (index) => {
    const override = fleet.spec?.overrides[String(index)];
    const parameters = override?.parameters ?? {};
    const key = Object.keys(parameters).length === 0 ? '' : JSON.stringify(parameters);
    const known = blueprints.get(key) ?? blueprintOf(input, index, parameters);
    blueprints.set(key, known);
    const isShared = !known.isNumbered && override === undefined;
    const shared = isShared ? placed.get(key) : undefined;
    const spec = shared ?? specOf(fleet, known, index);
    if (isShared) placed.set(key, spec);
    const labels = { ...fleet.spec?.vmLabels, ...override?.labels, [fleetLabel]: fleet.name };
    return { name: nameOf(fleet, index), labels, spec };
  };
}

/** A machine of a fleet as a resource, but for the server's part of its header. */
export function asMachine(
  fleet: VmFleet,
  wanted: WantedMachine,
  { index, id }: { readonly index: number; readonly id: string },
): VirtualMachine {
  return create(VirtualMachineSchema, {
    id,
    ...wanted,
    projectId: fleet.projectId,
    owner: { type: 'vm_fleet', id: fleet.id, device: String(index) },
  });
}

/** The number of a fleet's machine. */
export const indexOf = (vm: VirtualMachine): number => Number(vm.owner?.device ?? Number.NaN);

/** How many machines a fleet wants. */
export const replicasOf = (fleet: VmFleet): number =>
  effective(VmFleetSpecSchema, fleet.spec, 'replicas');

function nameOf(fleet: VmFleet, index: number): string {
  return effective(VmFleetSpecSchema, fleet.spec, 'namePattern')
    .replaceAll('{name}', fleet.name)
    .replaceAll('{index}', String(index));
}

function blueprintOf(
  { fleet, template, validate }: FleetMachinesInput,
  index: number,
  own: FleetOverride['parameters'],
): Blueprint {
  const parameters = { ...fleet.spec?.parameters, ...own };
  const isOwn = Object.keys(own).length > 0;
  const path = isOwn ? `${overridePath(index)}.parameters` : 'spec.parameters';
  let spec: VirtualMachineSpec;
  if (fleet.spec?.template.case === 'vm') {
    spec = fillParameters(fleet.spec.template.value, new Map(Object.entries(parameters)));
  } else if (template === undefined) {
    throw invalidFields([{ path: 'spec.template_id', message: 'refers to no template' }]);
  } else spec = fillTemplate({ template, parameters, path, validate });
  let isNumbered = false;
  replaceTexts(VirtualMachineSpecSchema, spec, {
    path: '',
    replace(text) {
      isNumbered ||= text.includes('{{fleet.');
      return text;
    },
  });
  return { spec, isNumbered };
}

function specOf(
  fleet: VmFleet,
  { spec, isNumbered }: Blueprint,
  index: number,
): VirtualMachineSpec {
  const replace = (text: string): string =>
    text.replaceAll('{{fleet.index}}', String(index)).replaceAll('{{fleet.name}}', fleet.name);
  const filled = isNumbered
    ? replaceTexts(VirtualMachineSpecSchema, spec, { path: 'spec', replace })
    : spec;
  const override = fleet.spec?.overrides[String(index)];
  const { powerState = 0, cpu, memory } = override ?? {};
  return create(VirtualMachineSpecSchema, {
    ...filled,
    ...(powerState !== 0 && { powerState }),
    ...(cpu && { cpu }),
    ...(memory && { memory }),
    ...placementOf(fleet, filled, override),
    nics: nicsOf(filled, override, index),
  });
}

function placementOf(
  fleet: VmFleet,
  { placement }: VirtualMachineSpec,
  override: FleetOverride | undefined,
): Pick<VirtualMachineSpec, 'placement'> {
  const rules = Object.entries(fleet.spec?.spread ?? {});
  const nodeId = override?.requiredNodeId;
  if (rules.length === 0 && nodeId === undefined) return { ...(placement && { placement }) };
  const own = patched(PlacementSpecSchema, placement, {});
  own.spread = { ...own.spread };
  for (const [label, rule] of rules) {
    const vmLabels = { [fleetLabel]: fleet.name };
    const maxSkew = effective(FleetSpreadSchema, rule, 'maxSkew');
    const required = effective(FleetSpreadSchema, rule, 'required');
    own.spread[label] = create(SpreadRuleSchema, { vmLabels, maxSkew, required });
  }
  if (nodeId !== undefined) own.requiredNodeIds = [nodeId];
  return { placement: own };
}

function nicsOf(
  { nics }: VirtualMachineSpec,
  override: FleetOverride | undefined,
  index: number,
): VirtualMachineSpec['nics'] {
  const fixed = Object.entries(override?.ipAddresses ?? {});
  if (fixed.length === 0) return nics;
  const changed = { ...nics };
  for (const [name, ip] of fixed) {
    const nic = Object.hasOwn(nics, name) ? nics[name] : undefined;
    if (nic?.source.case !== 'port') {
      const path = entryPath(`${overridePath(index)}.ip_addresses`, name);
      throw invalidFields([{ path, message: 'is no interface with a port of its own' }]);
    }
    const value = create(NicPortSpecSchema, { ...nic.source.value, ipAddresses: [ip] });
    changed[name] = create(NicSpecSchema, { ...nic, source: { case: 'port', value } });
  }
  return changed;
}

const overridePath = (index: number): string => entryPath('spec.overrides', String(index));
