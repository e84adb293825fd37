/**
 * Admission of a template: its blueprint names parameters that it has, and no others. The fleets
 * that follow it have something new to do from the same moment on. Pure.
 */

import { create } from '@bufbuild/protobuf';
import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import {
  type VmTemplate,
  VmTemplatePhase,
  VmTemplateStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import { invalidFields } from '../resource/invalid-fields.js';
import type { AdmissionInput, AdmissionResult, ChildWrite } from './admission.js';
import { undeclaredParameters } from './template.js';

/** Decides on a template. */
export function admitVmTemplate(input: AdmissionInput<VmTemplate>): AdmissionResult<VmTemplate> {
  const { next, previous } = input;
  const violations = next.spec === undefined ? [] : undeclaredParameters(next.spec);
  if (violations.length > 0) throw invalidFields(violations, 'UNKNOWN_PARAMETER');
  const status =
    previous?.status ?? create(VmTemplateStatusSchema, { phase: VmTemplatePhase.PENDING });
  const children = followers(input);
  return { resource: { ...next, status }, children, claims: [], releases: [] };
}

/** Fleets that are told in the transaction; more of them find out a moment later. */
const followersMax = 200;

/**
 * The fleets that follow a template whose spec changes, with that counted in their generation: what
 * was found out about them before, such as that they are ready, no longer counts.
 */
function followers({ next, previous, lookup }: AdmissionInput<VmTemplate>): ChildWrite[] {
  if (previous === undefined || previous.generation === next.generation) return [];
  return lookup
    .referrers<VmFleet>('vm_fleet', next.id)
    .filter(({ spec, deletionRequestedAt }) => {
      const { template } = spec ?? {};
      const follows = template?.case === 'templateId' && template.value === next.id;
      return follows && deletionRequestedAt === undefined;
    })
    .slice(0, followersMax)
    .map((fleet) => {
      const resource: VmFleet = { ...fleet, generation: fleet.generation + 1n };
      return { kind: 'update', type: 'vm_fleet', resource };
    });
}
