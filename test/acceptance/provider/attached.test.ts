/**
 * Terraform attaches to a provider that somebody started with -debug: it uses that process for all
 * commands, and two configurations of the provider in it don't mix.
 */
import { AttachedProvider } from '../../harness/attached-provider.js';
import { goodToken, type InMemoryApi, startInMemoryApi } from './in-memory-api.js';
import { createWorkspace } from './terraform.js';

jest.setTimeout(120_000);

const configuration = (endpoints: readonly string[]): string =>
  endpoints
    .map(
      (endpoint, i) => `
provider "limiquantix" {
  alias    = "at_${i}"
  endpoint = "${endpoint}"
  token    = "${goodToken}"
}
resource "limiquantix_network" "at_${i}" {
  provider = limiquantix.at_${i}
  name     = "net-${i}"
  ipv4     = { cidr = "10.${i}.0.0/24" }
}
`,
    )
    .join('');

test('one process serves two configurations and several commands, without init', async () => {
  const apis = [await startInMemoryApi(), await startInMemoryApi()];
  const provider = await AttachedProvider.start({});
  const workspace = createWorkspace({ provider });
  try {
    workspace.write(configuration(apis.map(({ endpoint }) => endpoint)));
    const applied = await workspace.run('apply', '-auto-approve');
    expect(applied.text).toContain('Resources: 2 added');
    for (const i of apis.keys()) {
      const attributes = workspace.attributes(`limiquantix_network.at_${i}`);
      expect(attributes['name']).toBe(`net-${i}`);
    }
    const created = ({ calls }: InMemoryApi) =>
      calls.filter((name) => /^Create.*Network/.test(name));
    expect(apis.map((api) => created(api).length)).toEqual([1, 1]);
    expect((await workspace.run('destroy', '-auto-approve')).text).toContain('2 destroyed');
  } finally {
    await provider.stop();
    for (const api of apis) await api.close();
    workspace.remove();
  }
});
