/** What the driver observes of a virtual machine on its node, and what it can do about it. */
import type { SeedDocuments } from './cloud-init.js';
import type { Marks } from './domain-xml.js';
import type { GuestFacts } from './guest-agent.js';
import type { Accelerator } from './plan.js';
import type { DomainReading } from './read-domain.js';

/** A domain as libvirt has it. */
export interface ObservedDomain {
  /** A `DomainState` and its reason. */
  readonly state: number;
  readonly reason: number;
  /** Whether it has a definition that outlives its run. */
  readonly persistent: boolean;
  /** The definition; of a domain that has none any more, what runs. */
  readonly config: DomainReading;
  /** What runs, if anything. */
  readonly live: DomainReading | undefined;
}

/** Everything that a decision rests on, beside the resources. */
export interface ObservedVm {
  readonly domain: ObservedDomain | undefined;
  /** Paths of the seeds that the machine has on the node. */
  readonly seedPaths: readonly string[];
  readonly guest: GuestFacts | undefined;
  /** When something was last asked of the guest, in milliseconds since 1970. */
  readonly attempts: ReadonlyMap<string, number>;
  readonly accelerator: Accelerator;
  readonly checksumOffload: boolean;
}

/** One step. Each can be repeated. */
export type VmAction =
  | { readonly kind: 'write-seed'; readonly path: string; readonly documents: SeedDocuments }
  | { readonly kind: 'remove-seed'; readonly path: string }
  | { readonly kind: 'define'; readonly xml: string }
  | { readonly kind: 'mark'; readonly marks: Marks }
  | { readonly kind: 'start'; readonly paused: boolean; readonly marks: Marks }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'destroy' }
  | { readonly kind: 'reset'; readonly marks: Marks }
  | { readonly kind: 'save'; readonly marks: Marks }
  | { readonly kind: 'forget-saved'; readonly marks: Marks }
  | { readonly kind: 'suspend' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'attach'; readonly device: string; readonly xml: string }
  | { readonly kind: 'detach'; readonly device: string; readonly xml: string };

/** What is to be done now, and what must be waited for. */
export interface Decision {
  readonly actions: readonly VmAction[];
  /** Why the spec isn't brought about yet, for people; nothing when it is. */
  readonly waits: readonly string[];
  /** What else people should know, although nothing more can be done for the spec. */
  readonly notes: readonly string[];
  readonly againAfterMs: number | undefined;
}
