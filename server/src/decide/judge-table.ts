/** Which judge each type has. */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import type { Judge, JudgeTable } from './judge.js';
import { judgePlacement } from './judge-placement.js';

const vm: Judge<VirtualMachine> = judgePlacement;

/** The judges of all types whose place or size is limited. */
export const judges: JudgeTable = new Map([['vm', vm as unknown as Judge]]);
