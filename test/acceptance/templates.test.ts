/**
 * Machines from templates, through Terraform on simulated hosts: they run with what the template
 * gives, don't follow it, and what is wrong is said at the field that it is about.
 */
import type { VirtualMachine } from '@limiquantix/proto/compute/v1/vm_pb.js';
import { base, flat, template } from '../harness/configuration.js';
import { SimulatedInstallation } from '../harness/simulated-installation.js';

jest.setTimeout(180_000);

let installation: SimulatedInstallation;
beforeAll(async () => {
  installation = await SimulatedInstallation.up(2);
});
afterAll(() => installation.down());

const withHost = (memoryMib: number): string =>
  template({
    name: 'base',
    memoryMib,
    machine:
      'provisioning = { cloud_init = { user_data = "#cloud-config\\nhostname: {{param.host}}\\n" } }',
    attributes: 'parameters = { host = { allowed_pattern = "^[a-z]+$" } }',
  });
const machine = (host: string, attributes = ''): string => `
resource "limiquantix_vm" "web" {
  name   = "web"
  source = { template_id = limiquantix_vm_template.base.id, parameters = { host = "${host}" } }
  ${attributes}
}
output "address" { value = limiquantix_vm.web.status.nics["lan"].ip_addresses[0] }
`;
const theMachine = async (): Promise<VirtualMachine> => {
  const [vm] = await installation.list<VirtualMachine>('vm');
  if (vm === undefined) throw new Error('there is no machine');
  return vm;
};

test('a machine from a template runs with what that gives, and does not follow it', async () => {
  const terraform = await installation.attachedTerraform(base + withHost(256) + machine('Web'));
  const refused = await terraform.expect(1, 'apply', '-auto-approve', '-no-color');
  expect(flat(refused.output)).toMatch(/must match \^\[a-z\]\+\$; got "Web"/);
  expect(await installation.list('vm')).toEqual([]);

  terraform.write('main.tf', base + withHost(256) + machine('web'));
  await terraform.apply();
  expect(await terraform.plan()).toMatchObject({ code: 0 });
  expect(terraform.outputs()).toEqual({ address: expect.stringMatching(/^10\.20\.0\./) });
  const before = await theMachine();
  const whole = before.status?.resolvedSpec;
  expect(whole?.provisioning?.cloudInit?.userData).toBe('#cloud-config\nhostname: web\n');
  expect(before.status?.guestInfo?.agentConnected).toBe(true);

  terraform.write('main.tf', base + withHost(512) + machine('web'));
  await terraform.apply();
  expect(await terraform.plan()).toMatchObject({ code: 0 });
  const after = await theMachine();
  expect(after.generation).toBe(before.generation);
  expect(after.status?.resolvedSpec?.memory?.sizeMib).toBe(256n);

  terraform.write('main.tf', base + withHost(512) + machine('web', 'memory = { size_mib = 384 }'));
  await terraform.apply();
  expect((await theMachine()).status?.resolvedSpec).toMatchObject({
    memory: { sizeMib: 384n },
    cpu: { cores: 1 },
  });
  await terraform.destroy();
  expect(await installation.resources()).toEqual({});
});
