/** A change of a template is something new to do for the fleets that follow it, at once. */
import { create } from '@bufbuild/protobuf';
import { VmFleetSchema } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import { type VmTemplate, VmTemplateSchema } from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import { AgentView } from '../agent/agent-view.js';
import { createValidate } from '../api/validation.js';
import type { AnyResource } from '../resource/resource.js';
import { contractTypes } from '../resource/type-registry.js';
import { admitVmTemplate } from './admit-vm-template.js';
import { Capacity } from './capacity.js';

const templateId = '01890000-0000-7000-8000-000000000001';
const template = (generation: bigint): VmTemplate =>
  create(VmTemplateSchema, { id: templateId, name: 'small', generation, spec: { vm: {} } });

const follower = (id: string, more: object = {}) =>
  create(VmFleetSchema, {
    id,
    generation: 3n,
    spec: { template: { case: 'templateId', value: templateId } },
    ...more,
  });

function admit(next: VmTemplate, previous: VmTemplate | undefined, fleets: AnyResource[]) {
  const view = new AgentView(contractTypes, () => 0);
  for (const one of fleets) view.set({ type: 'vm_fleet', id: one.id }, one);
  const lookup = Object.assign(view, {
    findByName: () => undefined,
    claimant: () => undefined,
  });
  return admitVmTemplate({
    next,
    previous,
    lookup,
    capacity: Capacity.of(view),
    validate: createValidate(),
    newId: () => 'x',
    nowMs: 0,
    random: () => 0,
  });
}

test('its followers move on a generation with its spec, and with nothing else', () => {
  const going = { deletionRequestedAt: { seconds: 1n } };
  const fleets = [follower('f1'), follower('f2', going), follower('f3', { spec: {} })];
  const { children } = admit(template(2n), template(1n), fleets);
  expect(children).toMatchObject([
    { kind: 'update', type: 'vm_fleet', resource: { id: 'f1', generation: 4n } },
  ]);
  expect(admit(template(1n), template(1n), fleets).children).toEqual([]);
  expect(admit(template(1n), undefined, fleets).children).toEqual([]);
});
