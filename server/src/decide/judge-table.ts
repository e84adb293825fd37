/** Which judge each type has. */

import type { VmFleet } from '@limiquantix/proto/compute/v1/vm_fleet_pb.js';
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { VmTemplate } from '@limiquantix/proto/compute/v1/vm_template_pb.js';
import type { Judge, JudgeTable } from './judge.js';
import { judgePlacement } from './judge-placement.js';
import { judgeFollower, judgeTemplate } from './judge-template.js';

const vm: Judge<VirtualMachine> = judgePlacement;
const template: Judge<VmTemplate> = judgeTemplate;
const follower: Judge<VmFleet> = judgeFollower;

/** The judges of all types whose place or size is limited. */
export const judges: JudgeTable = new Map([
  ['vm', vm as unknown as Judge],
  ['vm_template', template as unknown as Judge],
]);

/** The judges of resources that stay as they are while what they follow changes. */
export const followerJudges: JudgeTable = new Map([['vm_fleet', follower as unknown as Judge]]);
