/** Admission of a template: its blueprint names parameters that it has, and no others. Pure. */

import { create } from '@bufbuild/protobuf';
import {
  type VmTemplate,
  VmTemplatePhase,
  VmTemplateStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import { invalidFields } from '../resource/invalid-fields.js';
import type { AdmissionInput, AdmissionResult } from './admission.js';
import { undeclaredParameters } from './template.js';

/** Decides on a template. */
export function admitVmTemplate({
  next,
  previous,
}: AdmissionInput<VmTemplate>): AdmissionResult<VmTemplate> {
  const violations = next.spec === undefined ? [] : undeclaredParameters(next.spec);
  if (violations.length > 0) throw invalidFields(violations, 'UNKNOWN_PARAMETER');
  const status =
    previous?.status ?? create(VmTemplateStatusSchema, { phase: VmTemplatePhase.PENDING });
  return { resource: { ...next, status }, children: [], claims: [], releases: [] };
}
