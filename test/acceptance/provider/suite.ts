/**
 * What the provider's suites share: one provider that all commands of a suite attach to, and a
 * control plane and a workspace for each test. That Terraform starts the provider itself is tried
 * by start.test.ts.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AttachedProvider } from '../../harness/attached-provider.js';
import { freshProvider } from '../../harness/fresh-provider.js';
import { goodToken, type InMemoryApi, startInMemoryApi } from './in-memory-api.js';
import { createWorkspace, type Workspace } from './terraform.js';

/** What a test of the suite works with. */
export interface ProviderSuite {
  readonly api: InMemoryApi;
  readonly workspace: Workspace;
  /** The provider's working folder: where relative paths of files to upload start. */
  readonly files: string;
  /** A workspace whose configurations say themselves where the control plane is. */
  unconfigured(): Workspace;
}

const testTimeoutMs = 180_000;

/** Sets a suite up; call it once at the top of a test file. */
export function providerSuite(): ProviderSuite {
  jest.setTimeout(testTimeoutMs);
  const files = mkdtempSync(join(tmpdir(), 'lqx-files-'));
  let provider: AttachedProvider;
  let workspaces: Workspace[] = [];
  const unconfigured = (): Workspace => {
    const workspace = createWorkspace({ provider });
    workspaces.push(workspace);
    return workspace;
  };
  const current = { files, unconfigured } as {
    -readonly [Key in keyof ProviderSuite]: ProviderSuite[Key];
  };
  beforeAll(async () => {
    freshProvider();
    // No settings but those of configurations, nor a profile of whoever runs the tests.
    provider = await AttachedProvider.start({ HOME: files }, files);
  });
  afterAll(async () => {
    await provider.stop();
    rmSync(files, { recursive: true, force: true });
  });
  beforeEach(async () => {
    current.api = await startInMemoryApi();
    current.workspace = unconfigured();
    writeFileSync(join(current.workspace.folder, 'provider.tf'), providerBlock(current.api));
  });
  afterEach(async () => {
    await current.api.close();
    for (const workspace of workspaces) workspace.remove();
    workspaces = [];
  });
  return current;
}

/** The provider's configuration for a control plane, with a token or with the good one. */
export function providerBlock({ endpoint }: { endpoint: string }, token = goodToken): string {
  return `provider "limiquantix" {\n  endpoint = "${endpoint}"\n  token = "${token}"\n}\n`;
}
