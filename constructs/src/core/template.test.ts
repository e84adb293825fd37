/**
 * What guests get of the texts that were written for them, after the real Terraform evaluated them.
 */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Terraform's templates look like this.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fn, TerraformStack, TerraformVariable, Testing } from 'cdktf';
import { CloudConfig, CloudInit, Size, VirtualMachine } from '../index.js';

const TRICKY = 'say "hi" ${HOME} %{if} C:\\dir\t$5 $${x} \'q\'\n ';
const REFERENCE_VALUE = 'a "quoted" value';

/** Lets Terraform evaluate the user-data that is made with a reference to a variable. */
function evaluate(make: (reference: string) => CloudInit): string {
  const stack = new TerraformStack(Testing.app(), 'stack');
  const reference = new TerraformVariable(stack, 'given', {}).stringValue;
  const cloudInit = make(reference);
  new VirtualMachine(stack, 'Web', { cpuCores: 1, memory: Size.mebibytes(64), cloudInit });
  const [vm] = Object.values<Vm>(JSON.parse(Testing.synth(stack)).resource.limiquantix_vm);
  const configuration = {
    variable: { given: { default: REFERENCE_VALUE } },
    output: { text: { value: vm.provisioning.cloud_init.user_data } },
  };
  const directory = mkdtempSync(join(tmpdir(), 'limiquantix-template-'));
  try {
    writeFileSync(join(directory, 'main.tf.json'), JSON.stringify(configuration));
    terraform(directory, ['apply', '-auto-approve']);
    return JSON.parse(terraform(directory, ['output', '-json'])).text.value;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface Vm {
  readonly provisioning: { readonly cloud_init: { readonly user_data: string } };
}

function terraform(cwd: string, args: string[]): string {
  const env = { ...process.env, CHECKPOINT_DISABLE: '1' };
  return execFileSync('terraform', args, { cwd, env, encoding: 'utf8', stdio: 'pipe' });
}

it('keeps a script as it is, with the values of references', () => {
  const text = evaluate((reference) => CloudInit.fromUserData(`${TRICKY}${reference}${TRICKY}`));
  expect(text).toBe(`${TRICKY}${REFERENCE_VALUE}${TRICKY}`);
});

it('quotes the texts of a cloud-config, and the values of references in them', () => {
  const text = evaluate((reference) => {
    const cloudConfig = new CloudConfig({ hostname: reference });
    cloudConfig.addFile('/a', { content: '"' });
    cloudConfig.addCommand('sh', '-c', `echo "${reference}" \${HOME} C:\\ %{x}`, Fn.upper('up'));
    return cloudConfig;
  });
  expect(text.split('\n')).toEqual([
    '#cloud-config',
    '"hostname": "a \\"quoted\\" value"',
    '"runcmd":',
    '- - "sh"',
    '  - "-c"',
    '  - "echo \\"a \\"quoted\\" value\\" ${HOME} C:\\\\ %{x}"',
    '  - "UP"',
    '"write_files":',
    '- "content": "\\""',
    '  "path": "/a"',
    '',
  ]);
});
