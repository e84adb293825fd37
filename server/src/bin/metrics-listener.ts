/**
 * The port for those who look after a control plane: `/metrics` for Prometheus, `/healthz` (the
 * process answers) and `/readyz` (it can serve). Plain HTTP without a password, as scrapers expect:
 * it is off unless an address is given, which should be one of the management network.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type ListenAddress, listen } from '../api/listen.js';
import type { Metrics } from './metrics.js';

/** What the port tells. */
export interface MetricsListenerOptions {
  readonly address: ListenAddress;
  readonly metrics: Pick<Metrics, 'text'>;
  /** Why this server can't serve; undefined where it can. */
  readonly notReady: () => Promise<string | undefined>;
}

/** The port, open. */
export interface MetricsListener {
  /** Such as `http://127.0.0.1:9464`. */
  readonly endpoint: string;
  close(): Promise<void>;
}

/** Opens the port. Throws LISTEN_FAILED where the address can't be had. */
export async function listenForMetrics(options: MetricsListenerOptions): Promise<MetricsListener> {
  const server = createServer((request, response) => {
    respond(options, request.url ?? '', response).catch((error: unknown) => {
      answer(response, 500, `${error instanceof Error ? error.message : String(error)}\n`);
    });
  });
  const endpoint = await listen(server, options.address);
  return {
    endpoint: endpoint.replace('https:', 'http:'),
    close: () => closeServer(server),
  };
}

async function respond(
  { metrics, notReady }: MetricsListenerOptions,
  url: string,
  response: ServerResponse,
): Promise<void> {
  if (url === '/metrics') {
    const { body, type } = await metrics.text();
    answer(response, 200, body, type);
  } else if (url === '/healthz') answer(response, 200, 'ok\n');
  else if (url === '/readyz') {
    const reason = await notReady();
    answer(response, reason === undefined ? 200 : 503, `${reason ?? 'ok'}\n`);
  } else answer(response, 404, 'there are /metrics, /healthz and /readyz\n');
}

function answer(response: ServerResponse, status: number, body: string, type = 'text/plain'): void {
  response.writeHead(status, { 'content-type': type }).end(body);
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
