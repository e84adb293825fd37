/** What a control plane tells of itself on its port for metrics, if it has one. */
import type { ApiContext } from '../api/api-context.js';
import { parseListenAddress } from '../api/listen.js';
import type { Log } from '../log.js';
import type { Leadership } from '../store/leadership.js';
import type { LeaderDuty } from './leader-duty.js';
import type { Metrics } from './metrics.js';
import { listenForMetrics, type MetricsListener } from './metrics-listener.js';

/** Where to tell it. */
export interface TellMetricsOptions {
  /** `host:port`; undefined for nowhere. */
  readonly metricsListen?: string | undefined;
  readonly log: Log;
}

/** What it is told of. */
export interface ToldParts {
  readonly context: Pick<ApiContext, 'view' | 'types' | 'store'>;
  readonly duty: Pick<LeaderDuty, 'queueDepth' | 'isConnected'>;
  readonly leadership: Pick<Leadership, 'isLeading' | 'leaderUrl'>;
}

/** Opens the port. Throws LISTEN_FAILED where the address can't be had. */
export async function tellMetrics(
  { metricsListen, log }: TellMetricsOptions,
  metrics: Metrics,
  { context, duty, leadership }: ToldParts,
): Promise<MetricsListener | undefined> {
  if (metricsListen === undefined) return undefined;
  const { view, types, store } = context;
  metrics.observe({
    resources: () => types.types.map(({ type }) => [type, view.count(type)] as const),
    revision: () => view.revision,
    queueDepth: duty.queueDepth,
    agentsConnected: () => view.list('node').filter(({ id }) => duty.isConnected(id)).length,
    isLeading: () => leadership.isLeading,
  });
  const listener = await listenForMetrics({
    address: parseListenAddress(metricsListen),
    metrics,
    async notReady() {
      await store.revision();
      const hasLeader = leadership.isLeading || leadership.leaderUrl !== undefined;
      return hasLeader ? undefined : 'no server leads';
    },
  });
  log.info('metrics are told', { endpoint: `${listener.endpoint}/metrics` });
  return listener;
}
