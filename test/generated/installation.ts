/**
 * A control plane with simulated hosts and a provider, both in the test's process, with everything
 * that generated resources may refer to.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { ProjectSchema } from '@limiquantix/proto/identity/v1/project_pb.js';
import { startService } from '../../provider/src/bin/service.js';
import { resourceShapes } from '../../provider/src/schema/all-shapes.js';
import type { ResourceShape } from '../../provider/src/schema/resource-shape.js';
import type { ObjectValue } from '../../provider/src/value/value.js';
import { type RunningServer, startServer } from '../../server/src/bin/compose-server.js';
import { createTransport, ResourceClient } from '../../server/src/bin/resource-client.js';
import { silentLog } from '../../server/src/log.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { emptyImage } from '../harness/empty-image.js';
import { quickClock } from '../harness/quick-clock.js';
import { Samples } from './samples.js';
import { TerraformCore } from './terraform-core.js';

/** Guests boot in tens of milliseconds; a silence of agents that counts is still one of seconds. */
const timesFaster = 5;

/** What generated tests work with. */
export class GeneratedInstallation {
  readonly samples = new Samples((type, n) => this.dependency(type, n));
  private readonly dependencies = new Map<string, Promise<string>>();

  private constructor(
    readonly directory: string,
    private readonly server: RunningServer,
    readonly core: TerraformCore,
    readonly client: ResourceClient,
  ) {}

  static async up(): Promise<GeneratedInstallation> {
    const directory = mkdtempSync(join(tmpdir(), 'lqx-generated-'));
    emptyImage(join(directory, 'guest.qcow2'));
    const server = await startServer({
      dataDirectory: join(directory, 'server'),
      listen: ['127.0.0.1:0'],
      names: [],
      simulate: 2,
      clock: quickClock(timesFaster),
      random: Math.random,
      log: silentLog,
      version: 'test',
    });
    const { endpoint, token, caCertificate } = server.profile;
    const core = new TerraformCore(
      startService({
        environment: { endpoint, token, caCertificate, profile: undefined },
        profileDefault: join(directory, 'none.json'),
        readFile: () => undefined,
        nowMs: Date.now,
      }).methods,
    );
    await core.configure();
    const client = new ResourceClient(createTransport(server.profile));
    for (const node of await client.list(contractTypes.get('node'))) {
      const labels = { zone: 'a', rack: 'b' };
      await client.update(contractTypes.get('node'), { ...node, labels }, ['labels']);
    }
    const other = create(ProjectSchema, { name: 'other', spec: {} });
    await client.create(contractTypes.get('project'), other);
    return new GeneratedInstallation(directory, server, core, client);
  }

  /** A configuration with what a resource needs and no more. */
  async least(shape: ResourceShape, name: string, n = 0): Promise<ObjectValue> {
    const least: ObjectValue = { ...(await this.samples.least(shape.object, n)), name };
    if (shape.type !== 'image') return least;
    const file = join(this.directory, 'guest.qcow2');
    const upload = { file, size_bytes: null, sha256: null };
    return { ...least, source: { ...(least['source'] as ObjectValue), upload } };
  }

  async down(): Promise<void> {
    await this.server.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The id of the n-th resource of a type for others to refer to; made at the first use. */
  private dependency(type: string, n: number): Promise<string> {
    const key = `${type}-${n}`;
    let made = this.dependencies.get(key);
    if (made === undefined) {
      made = type === 'node' ? this.node(n) : this.make(type, n);
      this.dependencies.set(key, made);
    }
    return made;
  }

  private async node(n: number): Promise<string> {
    const nodes = await this.client.list(contractTypes.get('node'));
    return nodes[n % nodes.length]?.id ?? '';
  }

  private async make(type: string, n: number): Promise<string> {
    const shape = resourceShapes().get(`limiquantix_${type}`)?.();
    if (shape === undefined) throw new Error(`Terraform has no type ${type}`);
    const name = `for-others-${type.replaceAll('_', '-')}-${n}`;
    // Other values than the resources under test have, for what only one may have.
    const config = await this.least(shape, name, n + 2);
    const state = await this.core.change(shape, null, config);
    return String(state?.value['id']);
  }
}
