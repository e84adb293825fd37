/**
 * What the provider's suites share: the provider bundled once, and a control plane and a workspace
 * for each test.
 */
import { rmSync } from 'node:fs';
import { goodToken, type InMemoryApi, startInMemoryApi } from './in-memory-api.js';
import { bundleProvider, createWorkspace, type Workspace } from './terraform.js';

/** What a test of the suite works with. */
export interface ProviderSuite {
  readonly api: InMemoryApi;
  readonly workspace: Workspace;
  /** The folder of the bundled provider. */
  readonly provider: string;
}

const testTimeoutMs = 180_000;

/** Sets a suite up; call it once at the top of a test file. */
export function providerSuite(): ProviderSuite {
  jest.setTimeout(testTimeoutMs);
  const current = {} as { -readonly [Key in keyof ProviderSuite]: ProviderSuite[Key] };
  beforeAll(() => {
    current.provider = bundleProvider();
  });
  afterAll(() => rmSync(current.provider, { recursive: true, force: true }));
  beforeEach(async () => {
    current.api = await startInMemoryApi();
    current.workspace = createWorkspace(current.provider, {
      LIMIQUANTIX_ENDPOINT: current.api.endpoint,
      LIMIQUANTIX_TOKEN: goodToken,
    });
  });
  afterEach(async () => {
    await current.api.close();
    current.workspace.remove();
  });
  return current;
}
