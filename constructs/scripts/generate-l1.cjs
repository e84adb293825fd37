/**
 * Writes the L1 constructs into src/gen/ from the provider's schema: offline, the same each time.
 * Usage: node generate-l1.cjs [SCHEMA.json], as `terraform providers schema -json` prints it.
 * Nothing in src/gen/ is edited by hand; what a class is called is decided by the contract.
 */
const { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } = require('node:fs');
const { join, resolve } = require('node:path');
const { CodeMaker, TerraformProviderGenerator } = require('@cdktf/provider-generator');
const {
  ConstructsMakerProviderTarget,
  Language,
  TerraformProviderConstraint,
} = require('@cdktf/commons');

/** What users write as `source` in `required_providers`. */
const PROVIDER_SOURCE = 'limiquantix/limiquantix';
/** The generator wants a source with a host; this one is taken out again after it has run. */
const HOST = 'local.invalid';
/**
 * Entries of maps get names without quotes (`nics[lan]`), which Terraform takes for resource types.
 */
const MAP_ENTRY = /(get\(key: string\): \w+ \{\n.*this\.terraformAttribute, )key\)/g;
/** What the generator writes about a page that the made-up host doesn't have. */
const DOCS_LINES = / *\*\n *\* Docs at Terraform Registry: .*\n/g;
const DOCS_LINKS = /\{@link https:\/\/local\.invalid\/\S* ([^}]*)\}/g;

const packageDirectory = resolve(__dirname, '..');
const outDirectory = join(packageDirectory, 'src', 'gen');
const schemaFile = resolve(
  process.argv[2] ?? join(packageDirectory, '../provider/gen/schema.json'),
);

generate().catch((error) => {
  process.stderr.write(`generate-l1: ${error.stack}\n`);
  process.exitCode = 1;
});

async function generate() {
  if (!existsSync(schemaFile)) {
    throw new Error('the provider schema is missing: run `npm run generate` at the root first');
  }
  const { version } = JSON.parse(readFileSync(join(packageDirectory, 'package.json'), 'utf8'));
  const [major, minor] = version.split('.');
  const source = `${HOST}/${PROVIDER_SOURCE}`;
  const provider = Object.values(JSON.parse(readFileSync(schemaFile, 'utf8')).provider_schemas)[0];
  // No version beside the constraint: stacks are to take any provider that the constraint allows.
  const schema = { format_version: '1.0', provider_schemas: { [source]: provider } };
  const code = new CodeMaker();
  const constraint = new TerraformProviderConstraint(`${source}@~> ${major}.${minor}`);
  new TerraformProviderGenerator(code, schema).generate(
    new ConstructsMakerProviderTarget(constraint, Language.TYPESCRIPT),
  );
  rmSync(outDirectory, { recursive: true, force: true });
  await code.save(outDirectory);
  const folders = cleanFiles(source);
  writeFileSync(join(outDirectory, 'index.ts'), indexOf(folders));
}

/** Takes the made-up host out of the files again; returns the folders, one for each type. */
function cleanFiles(source) {
  const root = join(outDirectory, 'providers', 'limiquantix');
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  for (const folder of folders) {
    const file = join(root, folder, 'index.ts');
    const text = readFileSync(file, 'utf8')
      .replace(/^\/\/ https:.*\n/, '')
      .replace(DOCS_LINES, '')
      .replace(DOCS_LINKS, '$1')
      .replace(MAP_ENTRY, '$1JSON.stringify(key))')
      .replaceAll(source, PROVIDER_SOURCE);
    writeFileSync(file, text);
    rmSync(join(root, folder, 'README.md'));
  }
  return folders;
}

/** All types in one flat namespace, `l1.Vm`; the provider's class is exported by the package. */
function indexOf(folders) {
  return folders
    .filter((folder) => folder !== 'provider')
    .map((folder) => `export * from './providers/limiquantix/${folder}';\n`)
    .join('');
}
