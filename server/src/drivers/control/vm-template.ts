/**
 * Serves templates: a template is its record, and its status says how many machines came from it
 * and how many fleets follow it.
 */

import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import {
  type VmTemplate,
  VmTemplatePhase,
  type VmTemplateStatus,
  VmTemplateStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import type { Difference, Driver, Lookup, SupportsTriggers } from '../../reconcile/driver.js';
import type { ViewChange } from '../../reconcile/loop.js';
import { patched } from '../../resource/patched.js';
import { ready } from '../../resource/ready.js';
import type { AnyResource, ResourceKey } from '../../resource/resource.js';

/** The driver for `vm_template` in the control plane. */
export class VmTemplateControlDriver
  implements Driver<VmTemplate, undefined, never, VmTemplateStatus>, SupportsTriggers
{
  readonly type = 'vm_template';
  readonly runsOn = 'control-plane';

  observe(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  diff(template: VmTemplate, _: undefined, lookup: Lookup): Difference<never, VmTemplateStatus> {
    const status = patched(VmTemplateStatusSchema, template.status, {
      observedGeneration: template.generation,
      phase: VmTemplatePhase.READY,
      conditions: ready(),
      vmCount: lookup.referrers('vm', template.id).length,
      fleetCount: lookup.referrers('vm_fleet', template.id).length,
    });
    return { actions: [], status };
  }

  async apply(): Promise<void> {
    throw new Error('this driver has no actions');
  }

  async remove(): Promise<{ readonly gone: true }> {
    return { gone: true };
  }

  /** Templates of machines and fleets that come, go or turn to another. */
  triggers({ key, resource, previous }: ViewChange): readonly ResourceKey[] {
    const now = templateIdOf(key.type, resource);
    const before = templateIdOf(key.type, previous);
    if (now === before) return [];
    return [now, before]
      .filter((id): id is string => id !== undefined)
      .map((id) => ({ type: 'vm_template', id }));
  }
}

function templateIdOf(type: string, resource: AnyResource | undefined): string | undefined {
  if (type === 'vm') {
    const source = (resource as VirtualMachine | undefined)?.spec?.source?.source;
    return source?.case === 'templateId' ? source.value : undefined;
  }
  if (type !== 'vm_fleet') return undefined;
  const template = (resource as VmFleet | undefined)?.spec?.template;
  return template?.case === 'templateId' ? template.value : undefined;
}
