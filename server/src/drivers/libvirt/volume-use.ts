/**
 * Which machines' domains have which volumes, for the storage drivers: a file that a guest has open
 * may neither be removed nor grown from outside. Filled by one look at all domains, then kept up by
 * every observation of one.
 */
import type { ObservedDomain } from './observed.js';

/** A domain that has a volume. */
export interface VolumeUser {
  readonly vmId: string;
  /** The disk's name in the hypervisor, such as `vda`, if its guest runs. */
  readonly liveTarget: string | undefined;
}

/** The table of users by volume. */
export class VolumeUse {
  readonly #byVm = new Map<string, ReadonlyMap<string, VolumeUser>>();

  /** Takes over what a domain has; undefined for one that is gone. */
  note(vmId: string, domain: ObservedDomain | undefined): void {
    if (domain === undefined) {
      this.#byVm.delete(vmId);
      return;
    }
    const users = new Map<string, VolumeUser>();
    for (const disk of domain.config.plan.disks.values()) {
      users.set(volumeIdOf(disk.path), { vmId, liveTarget: undefined });
    }
    for (const disk of domain.live?.plan.disks.values() ?? []) {
      users.set(volumeIdOf(disk.path), { vmId, liveTarget: disk.target });
    }
    this.#byVm.set(vmId, users);
  }

  /** A domain that has the volume, running ones first. */
  userOf(volumeId: string): VolumeUser | undefined {
    const users = [...this.#byVm.values()].flatMap((each) => each.get(volumeId) ?? []);
    return users.find(({ liveTarget }) => liveTarget !== undefined) ?? users[0];
  }
}

/** Volumes' files are named for their ids: `<pool>/volumes/<id>.<format>`. */
function volumeIdOf(path: string): string {
  return path.replace(/^.*\//, '').replace(/\.[^.]*$/, '');
}
