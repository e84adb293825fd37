/** The upload service: checks requests against the contract and hands them to the uploads. */
import type { ConnectRouter } from '@connectrpc/connect';
import { UploadService } from '@limiquantix/proto/resource/v1/upload_service_pb.js';
import type { Uploads } from './uploads.js';
import type { Validate } from './validation.js';

/** Registers the service. */
export function registerUploads(router: ConnectRouter, uploads: Uploads, validate: Validate): void {
  const { getUpload, writeChunk } = UploadService.method;
  router.service(UploadService, {
    getUpload: (request) => {
      validate(getUpload.input, request);
      return uploads.getUpload(request);
    },
    writeChunk: (request) => {
      validate(writeChunk.input, request);
      return uploads.writeChunk(request);
    },
  });
}
