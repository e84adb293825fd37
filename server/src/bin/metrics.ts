/**
 * Prometheus metrics of a control plane. Names follow Prometheus' conventions
 * (prometheus.io/docs/practices/naming); what can be counted when somebody asks is counted then.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Telemetry } from '../telemetry.js';

/** What is read when somebody asks. */
export interface MetricSources {
  /** How many resources there are of each type. */
  readonly resources: () => Iterable<readonly [type: string, count: number]>;
  /** The newest revision that this server has seen. */
  readonly revision: () => bigint;
  /** Keys that wait for the reconcile loop or are in its hands; 0 where another server leads. */
  readonly queueDepth: () => number;
  /** Agents whose stream is alive; 0 where another server leads. */
  readonly agentsConnected: () => number;
  readonly isLeading: () => boolean;
}

/** The metrics of a process. */
export interface Metrics {
  readonly telemetry: Telemetry;
  /** Names what is read from now on. */
  observe(sources: MetricSources): void;
  /** All of them in Prometheus' text format, and its media type. */
  text(): Promise<{ readonly body: string; readonly type: string }>;
}

/** Seconds; calls and commits take from a tenth of a millisecond to some seconds. */
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const msOfSecond = 1_000;

/** Makes the metrics. */
export function createMetrics(version: string): Metrics {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    ...{ name: 'limiquantix_build_info', help: 'The version that runs; always 1.', registers },
    labelNames: ['version'],
  }).set({ version }, 1);
  return {
    telemetry: createTelemetry(registers),
    observe: (sources) => addGauges(registers, sources),
    text: async () => ({ body: await registry.metrics(), type: registry.contentType }),
  };
}

function createTelemetry(registers: Registry[]): Telemetry {
  const calls = new Counter({
    ...{ name: 'limiquantix_requests_total', help: 'Calls that were answered.', registers },
    labelNames: ['service', 'method', 'code'],
  });
  const callSeconds = new Histogram({
    ...{ name: 'limiquantix_request_seconds', help: 'How long calls took.', registers },
    ...{ labelNames: ['service', 'method'], buckets },
  });
  const reconciles = new Counter({
    ...{ name: 'limiquantix_reconciles_total', help: 'Passes over one resource.', registers },
    labelNames: ['type', 'outcome'],
  });
  const reconcileSeconds = new Histogram({
    ...{ name: 'limiquantix_reconcile_seconds', help: 'How long such a pass took.', registers },
    ...{ labelNames: ['type'], buckets },
  });
  const commits = new Counter({
    ...{ name: 'limiquantix_store_commits_total', help: 'Transactions of the store.', registers },
    labelNames: ['outcome'],
  });
  const commitSeconds = new Histogram({
    ...{ name: 'limiquantix_store_commit_seconds', help: 'How long they took.', registers },
    buckets,
  });
  return {
    nowMs: () => performance.now(),
    called({ service, method, code, ms }) {
      calls.inc({ service, method, code });
      if (ms !== undefined) callSeconds.observe({ service, method }, ms / msOfSecond);
    },
    reconciled({ type, outcome, ms }) {
      reconciles.inc({ type, outcome });
      reconcileSeconds.observe({ type }, ms / msOfSecond);
    },
    committed({ outcome, ms }) {
      commits.inc({ outcome });
      commitSeconds.observe(ms / msOfSecond);
    },
  };
}

function addGauges(registers: Registry[], sources: MetricSources): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(read());
      },
    });
  };
  new Gauge({
    ...{ name: 'limiquantix_resources', help: 'Resources by type.', registers },
    labelNames: ['type'],
    collect() {
      for (const [type, count] of sources.resources()) this.set({ type }, count);
    },
  });
  gauge('limiquantix_store_revision', 'The newest revision seen.', () =>
    Number(sources.revision()),
  );
  gauge(
    'limiquantix_reconcile_queue_depth',
    'Resources that wait for the loop or are in its hands.',
    sources.queueDepth,
  );
  gauge('limiquantix_agents_connected', 'Agents whose stream is alive.', sources.agentsConnected);
  gauge('limiquantix_leading', '1 on the server that leads, 0 on the others.', () =>
    sources.isLeading() ? 1 : 0,
  );
}
