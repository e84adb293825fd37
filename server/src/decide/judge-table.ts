/** Which judge each type has. */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { VmTemplate } from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import type { Judge, JudgeTable } from './judge.js';
import { judgePlacement } from './judge-placement.js';
import { judgeTemplate } from './judge-template.js';

const vm: Judge<VirtualMachine> = judgePlacement;
const template: Judge<VmTemplate> = judgeTemplate;

/** The judges of all types whose place or size is limited. */
export const judges: JudgeTable = new Map([
  ['vm', vm as unknown as Judge],
  ['vm_template', template as unknown as Judge],
]);
