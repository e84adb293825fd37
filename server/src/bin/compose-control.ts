/**
 * The control plane's loop with its drivers, and the agents' streams: everything that acts on the view
 * and writes through the status writer.
 */
import { AgentHub } from '../api/agent-hub.js';
import type { ApiContext } from '../api/api-context.js';
import { EventRecorder } from '../api/event-recorder.js';
import { FleetWriter } from '../api/fleet-writer.js';
import { ForcedDeletions } from '../api/forced-deletions.js';
import { InventoryKeeper } from '../api/inventory.js';
import { StatusWriter } from '../api/status-writer.js';
import { operationRules } from '../decide/operation-rules.js';
import { ApiTokenControlDriver } from '../drivers/control/api-token.js';
import { NodeControlDriver } from '../drivers/control/node.js';
import type { NodeLinks } from '../drivers/control/node-links.js';
import { objectDriver, supportedDriver } from '../drivers/control/object.js';
import { OperationControlDriver } from '../drivers/control/operation.js';
import { ProjectControlDriver } from '../drivers/control/project.js';
import { ServiceAccountControlDriver } from '../drivers/control/service-account.js';
import { StoragePoolControlDriver } from '../drivers/control/storage-pool.js';
import { VmControlDriver } from '../drivers/control/vm.js';
import { VmFleetControlDriver } from '../drivers/control/vm-fleet.js';
import { VmTemplateControlDriver } from '../drivers/control/vm-template.js';
import { VolumeControlDriver } from '../drivers/control/volume.js';
import { LibraryImageDriver } from '../drivers/library/image.js';
import { NetworkDriver } from '../drivers/ovn/network.js';
import { NorthboundView } from '../drivers/ovn/northbound-rows.js';
import { PortDriver } from '../drivers/ovn/port.js';
import { SouthboundChassis } from '../drivers/ovn/southbound-chassis.js';
import type { Tokens } from '../identity/tokens.js';
import type { Library } from '../library/library.js';
import type { Log } from '../log.js';
import type { Clock, Random } from '../reconcile/clock.js';
import type { Driver, Poke, SupportsInventory, SupportsStrayRemoval } from '../reconcile/driver.js';
import { FailureLog } from '../reconcile/failure-log.js';
import { inspect, inspectable, removeStrays } from '../reconcile/inspect.js';
import { Loop, type ViewChange } from '../reconcile/loop.js';
import { createJudge, createReport } from '../reconcile/report.js';
import type { Telemetry } from '../telemetry.js';
import type { Tracing } from '../tracing.js';
import { Causes } from '../view/causes.js';
import type { OvsdbApi } from '../wire/ovsdb/api.js';
import type { Northbound } from '../wire/ovsdb/northbound.js';
import type { Southbound } from '../wire/ovsdb/southbound.js';
import { agentLinks } from './agent-links.js';

/** What the control part is made of. */
export interface ControlOptions {
  /** With a view that was started. */
  readonly context: ApiContext;
  readonly library: Library;
  readonly tokens: Pick<Tokens, 'forget'>;
  readonly northbound: OvsdbApi<Northbound>;
  /** OVN's southbound, for inventories; not looked at without it. */
  readonly southbound?: OvsdbApi<Southbound> | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Takes how the loop's passes end. */
  readonly telemetry?: Telemetry | undefined;
  /** Records the loop's passes. */
  readonly tracing?: Tracing | undefined;
}

/** The control part, at work. */
export interface Control {
  readonly hub: AgentHub;
  readonly poke: Poke;
  readonly inventory: InventoryKeeper;
  /** Keys that wait for the loop or are in its hands. */
  readonly queueDepth: () => number;
  stop(): Promise<void>;
}

/** Starts the loop over everything that there is. */
export function startControl(options: ControlOptions): Control {
  const { context, clock, random, log } = options;
  const { view, types } = context;
  const writer = new StatusWriter(context);
  const poke: Poke = (key) => loop.poke(key);
  const forced = new ForcedDeletions(context.store, poke, (err) =>
    log.error('cannot read whether a deletion is forced', { err }),
  );
  const causes = new Causes(clock, view);
  const { causeOf } = causes;
  const hub = new AgentHub({
    ...{ types, lookup: view, clock, log, causeOf },
    revision: () => view.revision,
    write: (nodeId, observations) => writer.writeObservations(nodeId, observations, judge),
    onChange: poke,
  });
  const links = agentLinks({ hub, forced, lookup: view, clock });
  const failures = new FailureLog(log, view);
  const usageOf = (project: string) => context.usage.of(project);
  const projects = new ProjectControlDriver({ usageOf, clock, poke });
  const { drivers, own, images } = makeDrivers({ ...options, writer, links, projects, poke });
  const judge = createJudge({ types, drivers, lookup: view });
  const loop: Loop = new Loop({
    ...{ drivers, lookup: view, clock, random, failures, causeOf },
    report: createReport({ types, writer, clock, poke, failures }),
    telemetry: options.telemetry,
    tracing: options.tracing,
  });
  const follow = (change: ViewChange): void => {
    causes.changed(change);
    projects.changed(change, view);
    forced.changed(change);
    hub.changed(change);
    loop.changed(change);
  };
  const unfollow = followAll(context, follow);
  const events = new EventRecorder(context, log);
  const inventory = new InventoryKeeper({
    ...{ context, hub, poke },
    own: {
      inspect: () => inspect(inspectable(own), view),
      remove: (request) => removeStrays(own, view, request),
    },
  });
  loop.start();
  return {
    ...{ hub, poke, inventory },
    queueDepth: () => loop.depth,
    async stop() {
      unfollow();
      projects.stop();
      hub.stop();
      await images.stop();
      await loop.stop();
      await events.stop();
    },
  };
}

/** Tells all that there is and each change after that; returns what ends it. */
function followAll({ view, types }: ApiContext, follow: (change: ViewChange) => void): () => void {
  for (const { type } of types.types) {
    for (const resource of view.list(type)) {
      follow({ key: { type, id: resource.id }, resource, previous: undefined });
    }
  }
  return view.onChange(follow);
}

/** The driver of nodes, whose inventory has their rows in OVN's southbound. */
function inventoried(
  nodes: NodeControlDriver,
  southbound: OvsdbApi<Southbound> | undefined,
): NodeControlDriver {
  if (southbound === undefined) return nodes;
  const chassis = new SouthboundChassis(southbound);
  const powers: SupportsInventory & SupportsStrayRemoval = {
    inventory: () => chassis.inventory(),
    // What a node has there says nothing of how it is.
    observesForLoopOnly: true,
    removeStray: (id) => chassis.removeStray(id),
  };
  return Object.assign(nodes, powers);
}

interface DriverParts extends ControlOptions {
  readonly writer: StatusWriter;
  readonly links: NodeLinks;
  readonly projects: ProjectControlDriver;
  readonly poke: Poke;
}

function makeDrivers(parts: DriverParts) {
  const { links, writer, poke, clock, library, context } = parts;
  const { capacity } = context;
  const fleets = new FleetWriter(context);
  const northbound = new NorthboundView(parts.northbound, poke);
  const images = new LibraryImageDriver({ library, links, clock, poke });
  const own = [
    inventoried(new NodeControlDriver(links, capacity), parts.southbound),
    new VmTemplateControlDriver(),
    new VmFleetControlDriver({
      capacity,
      newId: context.newId,
      validate: context.validate,
      vmType: context.types.get('vm'),
      write: (fleet, batch) => fleets.write(fleet, batch),
      requestDeletion: (key) => writer.requestDeletion(key),
    }),
    new StoragePoolControlDriver(links),
    images,
    new ApiTokenControlDriver((id) => parts.tokens.forget(id)),
    new ServiceAccountControlDriver(),
    parts.projects,
    new VolumeControlDriver(links),
    new NetworkDriver(northbound),
    new PortDriver(northbound),
    new VmControlDriver({
      capacity,
      links,
      requestDeletion: (key) => writer.requestDeletion(key),
      disown: (key) => writer.disown(key),
    }),
  ] as unknown as readonly Driver[];
  const types = parts.context.types.types.filter(({ methods }) => methods.write !== undefined);
  const drivers = types.map((type) => {
    const driver = own.find((one) => one.type === type.type) ?? objectDriver(type);
    return supportedDriver(type, driver, parts.context.support);
  });
  const operations = new OperationControlDriver(operationRules) as unknown as Driver;
  return { drivers: [...drivers, operations], own, images };
}
