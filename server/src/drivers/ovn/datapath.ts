/**
 * Which datapath a host's Open vSwitch can use: the kernel's where its module is loaded or can be
 * loaded, userspace otherwise. Guests on the userspace one need checksum offload off.
 */
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';

/** OVS's own words: `system` is the kernel's datapath, `netdev` the one in userspace. */
export type Datapath = 'system' | 'netdev';

/** What is asked of a host's kernel. */
export interface HostKernel {
  /** Whether the module is loaded or built in. */
  hasOpenVSwitch(): Promise<boolean>;
  /** Tries to load the module; resolves when that was tried, whatever came of it. */
  loadOpenVSwitch(): Promise<void>;
}

/** How long loading the module may take. */
const MODPROBE_TIMEOUT_MS = 10_000;

/** Finds the datapath. Idempotent; loads the kernel's module where that works. */
export async function detectDatapath(kernel: HostKernel): Promise<Datapath> {
  if (await kernel.hasOpenVSwitch()) return 'system';
  await kernel.loadOpenVSwitch();
  return (await kernel.hasOpenVSwitch()) ? 'system' : 'netdev';
}

/** The kernel of this host. */
export function createHostKernel(): HostKernel {
  return {
    async hasOpenVSwitch() {
      try {
        return (await stat('/sys/module/openvswitch')).isDirectory();
      } catch (error) {
        if (isMissing(error)) return false;
        throw error;
      }
    },
    loadOpenVSwitch() {
      // A failure shows in the module's absence: no right to load, no such module, no modprobe.
      return new Promise((done) => {
        const options = { timeout: MODPROBE_TIMEOUT_MS };
        execFile('modprobe', ['openvswitch'], options, () => done());
      });
    },
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === 'ENOENT';
}
