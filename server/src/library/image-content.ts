/** How images of the contract use the library: their formats, and their uploads. */
import { type Image, ImageFormat } from '@limiquantix/proto/storage/v1/image_pb.js';
import type { AnyResource } from '../resource/resource.js';
import type { DiskFormat } from '../wire/disk-image/api.js';
import type { Library } from './library.js';
import type { UploadSink } from './upload-sink.js';

/** The format that an image's owner says it has, or undefined. */
export function declaredFormatOf(image: Image): DiskFormat | undefined {
  const format = image.spec?.format ?? ImageFormat.UNSPECIFIED;
  if (format === ImageFormat.UNSPECIFIED) return undefined;
  return format === ImageFormat.RAW ? 'raw' : 'qcow2';
}

/** The contract's word for a format. */
export function imageFormatOf(format: DiskFormat): ImageFormat {
  return format === 'raw' ? ImageFormat.RAW : ImageFormat.QCOW2;
}

/** Takes the uploads of images. */
export function imageUploads(library: Library): UploadSink {
  return {
    received: ({ id }) => library.received(id),
    write: (resource: AnyResource, chunk, facts) => {
      const format = declaredFormatOf(resource as unknown as Image);
      return library.write(resource.id, chunk, { ...facts, format });
    },
    remove: (id) => library.remove(id),
  };
}
