/** How much the server does at once of what users ask, where nothing else is said. Pure. */

/** How much users may have in flight. */
export interface LoadLimits {
  /** Requests that are answered once. */
  readonly requestsMax: number;
  /** Watches and calls that wait for something. */
  readonly watchesMax: number;
}

/** The limits when nothing is said. */
export const loadLimitsDefault: LoadLimits = { requestsMax: 512, watchesMax: 4096 };
