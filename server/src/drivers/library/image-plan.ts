/** What to do about an image's content in the library, and what its status says of it. Pure. */
import { type Condition, ConditionStatus } from '@limiquantix/proto/resource/v1/resource_pb.js';
import {
  type Image,
  ImageFormat,
  ImagePhase,
  type ImageStatus,
  ImageStatusSchema,
} from '@limiquantix/proto/storage/v1/image_pb.js';
import { imageFormatOf } from '../../library/image-content.js';
import type { LibraryFacts } from '../../library/library.js';
import type { Difference } from '../../reconcile/driver.js';
import { LimiError } from '../../resource/error.js';
import { patched } from '../../resource/patched.js';
import { failed, notReady, ready, readyOf } from '../../resource/ready.js';
import type { TransferState } from '../transfers.js';

/** What there is of an image in the control plane. */
export interface ImageContentObserved {
  readonly facts: LibraryFacts;
  /** Why the last content was thrown away, if it was and no new content has arrived. */
  readonly refusal: LimiError | undefined;
  readonly transfer: TransferState;
  /** Whether a download may start now. */
  readonly isDue: boolean;
}

/** A step towards an image's content: fetch it in the background. */
export interface DownloadAction {
  readonly kind: 'download';
  readonly url: string;
  readonly sha256: string;
}

/** Progress is reported this often. */
const progressMs = 1_000;
/** After this many failures in a row, a download is given up. */
const failuresMax = 8;

/** The reasons of final failures; they hold until the spec changes or new content arrives. */
const finalReasons: Readonly<Record<string, string>> = {
  CHECKSUM_MISMATCH: 'ChecksumMismatch',
  CONTENT_REFUSED: 'ContentRefused',
  URL_REFUSED: 'UrlRefused',
  DOWNLOAD_REFUSED: 'DownloadRefused',
  DOWNLOAD_FAILED: 'DownloadFailed',
};
const contentGone = 'ContentGone';

type Found = Difference<DownloadAction, ImageStatus>;

/** Compares an image with what was observed of it. */
export function diffImageContent(
  image: Image,
  observed: ImageContentObserved,
  nowMs: number,
): Found {
  const { facts } = observed;
  if (facts.kind === 'complete') {
    const { sizeBytes, virtualBytes, format } = facts;
    return says(image, {
      phase: ImagePhase.READY,
      conditions: ready(),
      sizeBytes: BigInt(sizeBytes),
      virtualSizeBytes: BigInt(virtualBytes),
      receivedBytes: BigInt(sizeBytes),
      format: imageFormatOf(format),
      sha256: promisedHash(image),
    });
  }
  const source = image.spec?.source?.source;
  if (source?.case === 'url') {
    const { url, sha256 } = source.value;
    return diffDownload(image, { ...observed, url, sha256, nowMs });
  }
  const sizeBytes = source?.case === 'upload' ? source.value.sizeBytes : 0n;
  return diffUpload(image, { ...observed, receivedBytes: facts.receivedBytes, sizeBytes });
}

/** The hash that a client or the user named; empty for sources that have none. */
function promisedHash({ spec }: Image): string {
  const source = spec?.source?.source;
  return source?.case === 'upload' || source?.case === 'url' ? source.value.sha256 : '';
}

interface UploadObserved extends ImageContentObserved {
  readonly receivedBytes: number;
  readonly sizeBytes: bigint;
}

function diffUpload(image: Image, { refusal, receivedBytes, sizeBytes }: UploadObserved): Found {
  if (receivedBytes === 0) {
    if (refusal !== undefined) return isFailed(image, refusal);
    const final = finalConditions(image);
    if (final !== undefined) return partial(image, ImagePhase.FAILED, final);
    const wasGone = readyOf(image.status?.conditions)?.reason === contentGone;
    if (wasGone || image.status?.phase === ImagePhase.READY) {
      const text = 'its content is gone from the library; upload the file again';
      return partial(image, ImagePhase.WAITING_FOR_UPLOAD, notReady(contentGone, text));
    }
  }
  const text = `${receivedBytes} of ${sizeBytes} bytes have arrived; upload the rest of the file`;
  const conditions = notReady('UploadIncomplete', text);
  return partial(image, ImagePhase.WAITING_FOR_UPLOAD, conditions, receivedBytes);
}

interface DownloadObserved extends ImageContentObserved {
  readonly url: string;
  readonly sha256: string;
  readonly nowMs: number;
}

function diffDownload(image: Image, observed: DownloadObserved): Found {
  const { transfer, isDue, url, sha256, nowMs } = observed;
  const download: DownloadAction = { kind: 'download', url, sha256 };
  if (transfer.kind === 'running') {
    const { receivedBytes } = transfer;
    const found = downloads(image, `${receivedBytes} bytes have arrived`, receivedBytes);
    return { ...found, againAfterMs: progressMs };
  }
  if (transfer.kind === 'none') {
    const final = finalConditions(image);
    if (final !== undefined) return partial(image, ImagePhase.FAILED, final);
    return { ...downloads(image, 'is about to be fetched'), actions: [download] };
  }
  const { error, failures, retryAtMs } = transfer;
  const isFinal = error instanceof LimiError && !error.retryable;
  if (isFinal || failures >= failuresMax) return isFailed(image, error);
  const why = error instanceof LimiError ? error.message : 'fetching it failed';
  const found = downloads(image, `${why}; tried ${failures} of ${failuresMax} times, goes on`);
  if (isDue) return { ...found, actions: [download] };
  return { ...found, againAfterMs: Math.max(1, retryAtMs - nowMs) };
}

function downloads(image: Image, message: string, receivedBytes = 0): Found {
  const conditions = notReady('Downloading', message);
  return partial(image, ImagePhase.DOWNLOADING, conditions, receivedBytes);
}

function isFailed(image: Image, error: unknown): Found {
  const known = error instanceof LimiError ? error : undefined;
  const reason = finalReasons[known?.reason ?? ''] ?? 'DownloadFailed';
  const message = known?.message ?? 'fetching it failed; make the image anew to try again';
  return partial(image, ImagePhase.FAILED, failed(reason, message));
}

/** The conditions of a final failure that still holds: said before, for the same spec. */
function finalConditions(image: Image): Condition[] | undefined {
  const { status } = image;
  if (status === undefined || status.observedGeneration !== image.generation) return undefined;
  const condition = readyOf(status.conditions);
  if (condition?.status !== ConditionStatus.FAILED) return undefined;
  return Object.values(finalReasons).includes(condition.reason) ? status.conditions : undefined;
}

function partial(
  image: Image,
  phase: ImagePhase,
  conditions: Condition[],
  receivedBytes = 0,
): Found {
  return says(image, {
    phase,
    conditions,
    receivedBytes: BigInt(receivedBytes),
    sizeBytes: 0n,
    virtualSizeBytes: 0n,
    format: ImageFormat.UNSPECIFIED,
    sha256: '',
  });
}

function says(image: Image, fields: Partial<ImageStatus>): Found {
  const observedGeneration = image.generation;
  const status = patched(ImageStatusSchema, image.status, { observedGeneration, ...fields });
  return { actions: [], status };
}
