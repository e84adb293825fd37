/**
 * The hosts that OVN's southbound knows, for checks and cleanups alone: a host that is gone for
 * good leaves its row, and other hosts keep a tunnel to it. Our chassis are named by their nodes'
 * ids (`chassis.ts`).
 */
import { type BackendObject, foreignObject, ownObject } from '../../decide/backend-object.js';
import type { OvsdbApi, RowCache } from '../../wire/ovsdb/api.js';
import { disconnected } from '../../wire/ovsdb/errors.js';
import { byUuid, Operations } from '../../wire/ovsdb/operations.js';
import { type Southbound, southbound } from '../../wire/ovsdb/southbound.js';
import { mappingErrors } from './errors.js';

const sb = new Operations(southbound);

const followed = { Chassis: ['name', 'hostname'], Chassis_Private: ['name'] } as const;

type Rows = RowCache<Southbound, typeof followed>;

/** Ids of ours are UUIDs of version 7; Open vSwitch gives hosts random ones. */
const nodeId = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The rows of hosts. */
export class SouthboundChassis {
  readonly #api: OvsdbApi<Southbound>;
  #opening: Promise<Rows> | undefined;

  constructor(api: OvsdbApi<Southbound>) {
    this.#api = api;
  }

  /** The chassis, ours with the node that each is. Throws where the southbound isn't reached. */
  inventory(): Promise<readonly BackendObject[]> {
    return mappingErrors(async () =>
      [...(await this.#rows()).rows('Chassis')].map(({ name, hostname }) => {
        const named = { backend: 'ovn', kind: 'Chassis', name };
        const detail = `host ${hostname || 'without a name'}`;
        if (!nodeId.test(name)) return foreignObject({ ...named, detail });
        return ownObject({ ...named, type: 'node', id: name, resourceName: hostname, detail });
      }),
    );
  }

  /**
   * Removes the rows of a node that doesn't exist. Idempotent; a host that lives makes them anew.
   */
  removeStray(id: string): Promise<void> {
    return mappingErrors(async () => {
      const rows = await this.#rows();
      const operations = (['Chassis_Private', 'Chassis'] as const).flatMap((table) =>
        [...rows.rows(table)]
          .filter(({ name }) => name === id)
          .map(({ uuid }) => sb.delete(table, byUuid(uuid))),
      );
      if (operations.length > 0) await this.#api.transact(operations);
    });
  }

  async #rows(): Promise<Rows> {
    this.#opening ??= this.#api.monitor(followed);
    try {
      const rows = await this.#opening;
      if (!this.#api.connected) throw disconnected();
      return rows;
    } catch (error) {
      if (!this.#api.connected) this.#opening = undefined;
      throw error;
    }
  }
}
