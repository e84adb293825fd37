/**
 * The provider's functions in the real terraform: results, and errors at the argument.
 */
import { providerSuite } from './suite.js';

const suite = providerSuite();

test('functions give their results, without a control plane', async () => {
  const { api, workspace } = suite;
  workspace.write(`
output "range" { value = provider::limiquantix::cidr_host_range("10.0.0.0/24", 10, -2) }
output "name" { value = provider::limiquantix::parse_id("default/web").name }
output "data" {
  value = provider::limiquantix::cloud_init([
    { content = "#cloud-config\\n{}" },
    { content = "#!/bin/sh\\n", filename = "run.sh" },
  ], true)
}
`);
  const applied = await workspace.run('apply', '-auto-approve');
  expect(applied.text).toMatch(/"first" = "10\.0\.0\.10"\s+"last" = "10\.0\.0\.254"/);
  expect(applied.text).toMatch(/name = "web"/);
  expect(applied.text).toMatch(/filename="part-001".*filename="run\.sh"/s);
  expect((await workspace.run('plan', '-detailed-exitcode')).code).toBe(0);
  expect(api.calls).toEqual([]);
});

test('an argument that does not fit is pointed at', async () => {
  const { workspace } = suite;
  workspace.write(
    'output "range" { value = provider::limiquantix::cidr_host_range("10.0.0.0/24", 999) }\n',
  );
  const { code, text } = await workspace.run('plan');
  expect(code).toBe(1);
  expect(text.replace(/[│╷╵\s]+/g, ' ')).toMatch(
    /Invalid value for "host_numbers" parameter: host 999 is outside of the subnet's 256 addresses/,
  );
});
