/** The driver of images in the library as a subject of the drivers' suite: a downloaded one. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Image,
  ImageSchema,
  ImageStatusSchema,
} from '@limiquantix/proto/storage/v1/image_pb.js';
import { LibraryImageDriver } from '../../server/src/drivers/library/image.js';
import { Downloader } from '../../server/src/library/download.js';
import { Library } from '../../server/src/library/library.js';
import { VirtualClock } from '../../server/src/reconcile/virtual-clock.js';
import { readyOf } from '../../server/src/resource/ready.js';
import { encodeEmptyQcow2 } from '../../server/src/wire/disk-image/qcow2-header.js';
import type { StartedBench, StepFault, Subject } from './driver-suite.js';
import { World } from './ovn-control-plane.js';

const imageId = '00000000-0000-7000-8000-000000000001';
const content = encodeEmptyQcow2({ virtualBytes: 1024 ** 3 });
const sha256 = createHash('sha256').update(content).digest('hex');
const passesMax = 2_000;
const tickMs = 100;

/** Images in libraries; each subject has a directory of its own. */
export async function imagesInLibraries(): Promise<StartedBench> {
  const server = createServer((request, response) => {
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const range = `bytes ${from}-${content.length - 1}/${content.length}`;
    response.writeHead(from > 0 ? 206 : 200, from > 0 ? { 'content-range': range } : {});
    response.end(content.subarray(from));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/image`;
  return {
    async subject() {
      const directory = mkdtempSync(join(tmpdir(), 'limiquantix-library-'));
      const own = await imageIn(directory, url);
      const end = async (): Promise<void> => {
        await own.end();
        rmSync(directory, { recursive: true });
      };
      return { ...own, end };
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function imageIn(directory: string, url: string): Promise<Subject> {
  const clock = new VirtualClock();
  const faults = new Faults(() => readdirSync(directory).length > 0);
  const world = new World();
  const source = { source: { case: 'url', value: { url, sha256 } } } as const;
  const image: Image = create(ImageSchema, { id: imageId, generation: 1n, spec: { source } });
  const open = async () => {
    const library = await Library.open({ directory, downloader: new Downloader({ clock }) });
    const links = { isRemoved: () => true };
    const options = { library: faults.in(library), links, clock, poke: () => undefined };
    return { library, driver: new LibraryImageDriver(options) };
  };
  let { library, driver } = await open();
  const close = async (): Promise<void> => {
    await driver.stop();
    await library.close();
  };
  return {
    async make() {
      for (let pass = 0; pass < passesMax; pass += 1) {
        const observed = await driver.observe(image);
        const { actions, status } = driver.diff(image, observed, world);
        image.status = status;
        for (const action of actions) await driver.apply(image, action);
        if (observed.facts.kind === 'complete') return faults.tell();
        // What goes on in the background ends by itself, and a pause by the clock.
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(tickMs);
      }
      throw new Error('the image does not arrive');
    },
    async remove() {
      image.deletionRequestedAt = timestampFromMs(1);
      image.status = create(ImageStatusSchema);
      const removal = await driver.remove(image);
      delete image.deletionRequestedAt;
      if (!removal.gone) throw new Error(`it waits for ${removal.waitingFor}`);
    },
    async held() {
      const names = readdirSync(directory).sort();
      if (names.length === 0) return undefined;
      const isWhole =
        names.includes(imageId) && readFileSync(join(directory, imageId)).equals(content);
      return { names, isWhole };
    },
    changes: () => faults.calls,
    fail: (fault) => faults.fail(fault),
    async restart() {
      await close();
      ({ library, driver } = await open());
    },
    rival: () => imageIn(directory, url),
    meddle: async () => rmSync(join(directory, imageId)),
    complaint() {
      const { reason = 'none' } = readyOf(image.status?.conditions) ?? {};
      return reason === 'Ready' ? '' : reason;
    },
    end: close,
  };
}

/** Lets a change of a library fail. */
class Faults {
  calls = 0;
  #fault: StepFault | undefined;

  /** A removal where there is nothing is no change. */
  constructor(private readonly hasContent: () => boolean) {}

  fail(fault: StepFault | undefined): void {
    this.#fault = fault && { ...fault, step: this.calls + fault.step };
  }

  /** Throws where a fault came that nobody was told of: what ends in the background is complete. */
  tell(): void {
    if (this.#fault !== undefined && this.calls >= this.#fault.step) throw injected();
  }

  /** The library, of which downloads and removals may fail. */
  in(library: Library): Library {
    return new Proxy(library, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (name !== 'download' && name !== 'remove') return value.bind(target);
        return async (...args: unknown[]): Promise<unknown> => {
          const isThere = name === 'download' || this.hasContent();
          if (isThere) this.calls += 1;
          const isDue = isThere && this.#fault?.step === this.calls;
          if (isDue && this.#fault?.when === 'before') throw injected();
          const result: unknown = await value.apply(target, args);
          if (isDue) throw injected();
          return result;
        };
      },
    });
  }
}

const injected = (): Error => new Error('a fault was injected');
