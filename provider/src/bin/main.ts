/**
 * The provider's process. The only file that reads the environment, the clock and the disk's profile; all
 * else gets them from here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenService, serveAttached } from '../plugin/attach.js';
import { refusal } from '../plugin/handshake.js';
import { serve } from '../plugin/serve.js';
import { providerMethods } from '../tfplugin6/methods.js';

const { argv, env } = process;
const socketParent = env['PLUGIN_UNIX_SOCKET_DIR'] || tmpdir();
const source = 'registry.terraform.io/limiquantix/limiquantix';
const write = (text: string): unknown => process.stdout.write(text);
const exit = (code: number): never => process.exit(code);

if (argv.slice(2).some((word) => word === '-debug' || word === '--debug')) waitForTerraform();
else serveTerraform();

/** As Terraform starts it: for one of Terraform's commands. */
function serveTerraform(): void {
  const environment = {
    cookie: env['TF_PLUGIN_MAGIC_COOKIE'],
    versions: env['PLUGIN_PROTOCOL_VERSIONS'],
    clientCertificate: env['PLUGIN_CLIENT_CERT'] || undefined,
    socketParent,
  };
  const refused = refusal(environment);
  if (refused !== undefined) {
    process.stderr.write(`${refused}\n`);
    exit(1);
  }
  // Ctrl-C reaches the whole process group; Terraform decides and asks the provider to stop.
  process.on('SIGINT', () => undefined);
  const { methods, end: beforeEnd } = openService();
  process.on('SIGTERM', serve({ environment, nowMs: Date.now(), write, exit, beforeEnd, methods }));
}

/** As a developer of the provider starts it: for all commands that attach to it. */
function waitForTerraform(): void {
  const address = source;
  const processId = process.pid;
  const end = serveAttached({ socketParent, processId, address, open: openService, write, exit });
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
}

/** The methods; what they need is loaded when it is needed. */
function openService(): OpenService {
  let service: ReturnType<typeof loadService> | undefined;
  const methods = providerMethods({
    schema: async () => (await import('../../gen/provider-schema.js')).providerSchemaBytes(),
    service: () => {
      service ??= loadService();
      return service.then((started) => started.methods);
    },
  });
  return { methods, end: () => service?.then((started) => started.end()) };
}

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
