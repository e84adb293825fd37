/**
 * Puts the provider's parts together for the calls that need them.
 */
import { randomUUID } from 'node:crypto';
import { createApiClient, probe } from '../client/api-client.js';
import { createChannel } from '../client/channel.js';
import { localFiles } from '../client/local-files.js';
import { resolveSettings, type SettingsQuestion } from '../client/settings.js';
import type { Timers } from '../client/timers.js';
import type { Method } from '../plugin/grpc-server.js';
import { typePrefix } from '../schema/resource-shape.js';
import { providerService } from '../tfplugin6/provider-service.js';
import { Session } from '../tfplugin6/session.js';
import { passingOn, type Tracer } from '../trace/tracer.js';
import type { ObjectValue } from '../value/value.js';

/** What the process gives. */
export type ServiceOptions = Omit<SettingsQuestion, 'given'> & {
  readonly nowMs: () => number;
  /** Follows what is asked of the provider, and what it asks; nobody without it. */
  readonly tracer?: Tracer;
};

/** The provider's service. */
export interface Service {
  /** The methods of Terraform's calls, by name. */
  readonly methods: ReadonlyMap<string, Method>;
  /** What is to be done before the process ends; undefined for nothing. Never rejects. */
  readonly end: () => Promise<unknown> | undefined;
}

const timers: Timers = {
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Starts the service. */
export function startService({
  nowMs,
  tracer = passingOn(undefined),
  ...sources
}: ServiceOptions): Service {
  const stopping = new AbortController();
  const session = new Session({
    files: localFiles(),
    newRequestId: randomUUID,
    nowMs,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  });
  const methods = providerService(session, {
    tracer,
    stop: () => stopping.abort(),
    connect: async (config) => {
      const settings = resolveSettings({ ...sources, given: givenSettings(config) });
      const channel = createChannel({ ...settings, tracer });
      const options = { settings, channel, stopping: stopping.signal, nowMs };
      await probe(options, await session.resource(`${typePrefix}project`));
      const api = createApiClient({ ...options, timers, planId: randomUUID() });
      return { api, disruptionLimit: settings.disruptionLimit };
    },
  });
  const end = (): Promise<unknown> | undefined => {
    const closing = session.closeOpen();
    // What is closed at the end is a part of its trace as well.
    return closing === undefined ? tracer.end() : closing.then(() => tracer.end());
  };
  return { methods, end };
}

function givenSettings(config: ObjectValue): SettingsQuestion['given'] {
  const text = (name: string): string | undefined => {
    const value = config[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return {
    endpoint: text('endpoint'),
    token: text('token'),
    caCertificate: text('ca_certificate'),
    profile: text('profile'),
    allowDisruption: text('allow_disruption'),
  };
}
