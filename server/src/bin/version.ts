/** The version, put in by the bundler; a run from the sources has none. */
declare const LIMIQUANTIX_VERSION: string | undefined;

/** This version of LimiQuantix, such as `0.1.0`. */
export const version =
  typeof LIMIQUANTIX_VERSION === 'undefined' ? '0.0.0-source' : LIMIQUANTIX_VERSION;
