/**
 * An image in the control plane: its content in the library, uploaded by a client or fetched from
 * a URL in the background, and whether it can be used. Nodes' copies are the agents' half; an
 * image goes when the last of them is gone.
 */
import type { Image, ImageStatus } from '@limiquantix/proto/storage/v1/image_pb.js';
import { ImagePhase, ImageStatusSchema } from '@limiquantix/proto/storage/v1/image_pb.js';
import { type BackendObject, ownObject } from '../../decide/backend-object.js';
import { declaredFormatOf } from '../../library/image-content.js';
import type { Library } from '../../library/library.js';
import type { Clock } from '../../reconcile/clock.js';
import type {
  Difference,
  Driver,
  Lookup,
  Poke,
  Removal,
  SupportsInventory,
  SupportsStrayRemoval,
  SupportsTriggers,
} from '../../reconcile/driver.js';
import { patched } from '../../resource/patched.js';
import type { ResourceKey } from '../../resource/resource.js';
import { Transfers } from '../transfers.js';
import { type DownloadAction, diffImageContent, type ImageContentObserved } from './image-plan.js';

/** What the driver asks of the agents' streams. */
export interface ImageNodeLinks {
  /** Whether the node has said that nothing of a resource under deletion is left on it. */
  isRemoved(nodeId: string, key: ResourceKey): boolean;
}

/** What the driver works with. */
export interface LibraryImageOptions {
  readonly library: Library;
  readonly links: ImageNodeLinks;
  readonly clock: Clock;
  readonly poke: Poke;
  /** Downloads at once. */
  readonly downloadsMax?: number;
}

const downloadsMaxDefault = 4;

/** The driver for `image` in the control plane. */
export class LibraryImageDriver
  implements
    Driver<Image, ImageContentObserved, DownloadAction, ImageStatus>,
    SupportsTriggers,
    SupportsInventory,
    SupportsStrayRemoval
{
  readonly type = 'image';
  readonly runsOn = 'control-plane';
  readonly observesForLoopOnly = true;
  readonly #options: LibraryImageOptions;
  readonly #downloads: Transfers;

  constructor(options: LibraryImageOptions) {
    this.#options = options;
    this.#downloads = new Transfers({
      clock: options.clock,
      concurrencyMax: options.downloadsMax ?? downloadsMaxDefault,
      onEnd: (id) => options.poke({ type: 'image', id }),
    });
  }

  async observe(image: Image): Promise<ImageContentObserved> {
    const { library } = this.#options;
    const failure = this.#downloads.takeFailure(image.id);
    if (failure !== undefined) throw failure;
    return {
      facts: await library.inspect(image.id, declaredFormatOf(image)),
      refusal: library.refusalOf(image.id),
      transfer: this.#downloads.state(image.id),
      isDue: this.#downloads.isDue(image.id),
    };
  }

  diff(
    image: Image,
    observed: ImageContentObserved,
    lookup: Lookup,
  ): Difference<DownloadAction, ImageStatus> {
    return diffImageContent(image, observed, lookup.nowMs());
  }

  async apply(image: Image, { url, sha256 }: DownloadAction): Promise<void> {
    const format = declaredFormatOf(image);
    this.#downloads.start(image.id, (context) =>
      this.#options.library.download(image.id, { url, sha256, format, ...context }),
    );
  }

  async remove(image: Image): Promise<Removal> {
    const { library, links } = this.#options;
    await this.#downloads.forget(image.id);
    await library.remove(image.id);
    const key = { type: 'image', id: image.id };
    const holders = Object.keys(image.status?.nodes ?? {});
    const left = holders.filter((nodeId) => !links.isRemoved(nodeId, key));
    if (left.length === 0) return { gone: true };
    const status = patched(ImageStatusSchema, image.status, { phase: ImagePhase.DELETING });
    return { gone: false, waitingFor: `${left.length} nodes to remove their copies`, status };
  }

  /** An image depends on nothing: what nodes do with it arrives as a change of its own. */
  triggers(): readonly ResourceKey[] {
    return [];
  }

  async inventory(): Promise<readonly BackendObject[]> {
    const ids = await this.#options.library.inventory();
    const named = { backend: 'library', kind: 'image content' };
    return ids.map((id) => ownObject({ ...named, name: id, type: 'image', id }));
  }

  async removeStray(id: string): Promise<void> {
    await this.#downloads.forget(id);
    await this.#options.library.remove(id);
  }

  /** Calls off all downloads; what has arrived stays for the next start. */
  stop(): Promise<void> {
    return this.#downloads.stop();
  }
}
