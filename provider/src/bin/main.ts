/**
 * The provider's process. The only file that reads the environment, the clock and the disk's profile; all
 * else gets them from here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { refusal } from '../plugin/handshake.js';
import { serve } from '../plugin/serve.js';
import { providerMethods } from '../tfplugin6/methods.js';

const { env } = process;
const environment = {
  cookie: env['TF_PLUGIN_MAGIC_COOKIE'],
  versions: env['PLUGIN_PROTOCOL_VERSIONS'],
  clientCertificate: env['PLUGIN_CLIENT_CERT'] || undefined,
  socketParent: env['PLUGIN_UNIX_SOCKET_DIR'] || tmpdir(),
};
const refused = refusal(environment);
if (refused !== undefined) {
  process.stderr.write(`${refused}\n`);
  process.exit(1);
}

// Ctrl-C reaches the whole process group; Terraform decides and asks the provider to stop.
process.on('SIGINT', () => undefined);

let service: ReturnType<typeof loadService> | undefined;

const end = serve({
  environment,
  nowMs: Date.now(),
  write: (line) => process.stdout.write(line),
  exit: (code) => process.exit(code),
  beforeEnd: () => service?.then((started) => started.end()),
  methods: providerMethods({
    schema: async () => (await import('../../gen/provider-schema.js')).providerSchemaBytes(),
    service: () => {
      service ??= loadService();
      return service.then(({ methods }) => methods);
    },
  }),
});
process.on('SIGTERM', end);

/** What records is loaded where there is somewhere to send it. */
async function makeTracer() {
  const { passingOn } = await import('../trace/tracer.js');
  const { tracesUrl } = await import('@limiquantix/proto/trace/endpoint.js');
  const traceparent = env['TRACEPARENT'];
  const url = tracesUrl(env);
  if (url === undefined) return passingOn(traceparent);
  const { openRecorder } = await import('./open-recorder.js');
  return openRecorder({ url, env, traceparent });
}

async function loadService() {
  const { startService } = await import('./service.js');
  return startService({
    tracer: await makeTracer(),
    environment: {
      endpoint: env['LIMIQUANTIX_ENDPOINT'] || undefined,
      token: env['LIMIQUANTIX_TOKEN'] || undefined,
      caCertificate: env['LIMIQUANTIX_CA_CERTIFICATE'] || undefined,
      profile: env['LIMIQUANTIX_PROFILE'] || undefined,
      allowDisruption: env['LIMIQUANTIX_ALLOW_DISRUPTION'] || undefined,
    },
    profileDefault: join(homedir(), '.config', 'limiquantix', 'profile.json'),
    readFile: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
    nowMs: Date.now,
  });
}
