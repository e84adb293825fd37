/** What of images the library carries out. */
import type { SupportedPaths } from '../../resource/unsupported.js';

/** Uploads and URLs; what describes an image is for people and needs nothing done. */
export const imagePaths: SupportedPaths = [
  'spec.source.upload',
  'spec.source.url',
  'spec.format',
  'spec.os',
  'spec.requirements',
  'spec.architecture',
];
