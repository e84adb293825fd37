/**
 * Puts the built executable into a filesystem mirror, from which `terraform init` takes it, and
 * prints the snippet for Terraform's CLI configuration. `--mirror DIR` names another folder than
 * the user's own.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const executable = join(root, 'dist', 'terraform-provider-limiquantix');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
};
const systems: Readonly<Record<string, string>> = { win32: 'windows' };
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

const { values } = parseArgs({ options: { mirror: { type: 'string' } } });
// npm runs scripts in the package's folder; the user's own is in INIT_CWD.
const base = process.env['INIT_CWD'] ?? process.cwd();
const dataHome = process.env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share');
const mirror = resolve(base, values.mirror ?? join(dataHome, 'limiquantix', 'terraform-mirror'));

if (!existsSync(executable)) {
  process.stderr.write('there is no executable yet: run "npm run build-executable -w provider"\n');
  process.exit(1);
}
const platform = `${systems[process.platform] ?? process.platform}_${architectures[process.arch] ?? process.arch}`;
const folder = join(mirror, 'registry.terraform.io/limiquantix/limiquantix', version, platform);
const target = join(folder, `terraform-provider-limiquantix_v${version}`);
mkdirSync(folder, { recursive: true });
// Beside and then in place, because a running provider's file can't be written to.
copyFileSync(executable, `${target}.new`);
chmodSync(`${target}.new`, 0o755);
renameSync(`${target}.new`, target);

process.stdout.write(`installed ${target}

Put this into ~/.terraformrc (or the file that TF_CLI_CONFIG_FILE names):

provider_installation {
  filesystem_mirror {
    path    = "${mirror}"
    include = ["registry.terraform.io/limiquantix/*"]
  }
  direct {
    exclude = ["registry.terraform.io/limiquantix/*"]
  }
}
`);
