/** What happened to a machine or a node, as its own service tells it. */
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { NodeService } from '@limiquantix/proto/compute/v1/node_service_pb.js';
import { VirtualMachineService } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import type { Event } from '@limiquantix/proto/operations/v1/event_pb.js';
import { type ApiContext, mustFind } from '../api-context.js';
import { type CustomMethod, reads } from './custom-method.js';

const limitDefault = 100;

/** The methods that list events. */
export const eventMethods: readonly CustomMethod[] = [
  reads(VirtualMachineService.method.listVirtualMachineEvents, ({ context, request }) => ({
    events: eventsOf(context, { type: 'vm', ...request }),
  })),
  reads(NodeService.method.listNodeEvents, ({ context, request }) => ({
    events: eventsOf(context, { type: 'node', ...request }),
  })),
];

interface Asked {
  readonly type: string;
  readonly id: string;
  /** 0 for a default. */
  readonly limit: number;
}

/** The newest first. */
function eventsOf(context: ApiContext, { type, id, limit }: Asked): Event[] {
  mustFind(context, context.types.get(type), id);
  return context.view
    .list<Event>('event')
    .filter(({ spec }) => spec?.resourceId === id)
    .sort((a, b) => msOf(b.status?.lastSeenAt) - msOf(a.status?.lastSeenAt))
    .slice(0, limit || limitDefault);
}

const msOf = (at: Timestamp | undefined): number => (at === undefined ? 0 : timestampMs(at));
