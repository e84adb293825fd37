/**
 * What of the contract belongs together by its names alone: which service serves which message.
 * Pure, over descriptors.
 */
import type { DescFile, DescMessage, DescService } from '@bufbuild/protobuf';

/** The service whose Get returns a resource's message. Throws where there is none. */
export function serviceOf(message: DescMessage, files: readonly DescFile[]): DescService {
  for (const { services } of files) {
    for (const service of services) {
      const get = service.methods.find(({ name }) => name === `Get${message.name}`);
      if (get?.output.fields.some((field) => field.message === message)) return service;
    }
  }
  throw new Error(`${message.typeName}: no service has Get${message.name}`);
}
