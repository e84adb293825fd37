/**
 * One jest configuration, seven projects; `SUITE=<name>` or `--selectProjects` picks some.
 * Sources are ES modules with `.js` extensions; swc turns them into CommonJS for jest.
 */
const base = {
  rootDir: __dirname,
  // Kept over runs, wherever their temporary files are.
  cacheDirectory: '<rootDir>/.build/jest',
  testEnvironment: 'node',
  transform: {
    '^.+\\.(ts|js)$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: ['/node_modules/'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['/dist/', '/.build/'],
};
const suite = (displayName, testMatch) => ({ ...base, displayName, testMatch });

module.exports = {
  testSequencer: '<rootDir>/scripts/longest-first.cjs',
  // What hangs is found; what has to wait for processors that others use is not.
  testTimeout: 60_000,
  projects: [
    suite('unit', [
      '<rootDir>/{proto,server,provider}/**/*.test.ts',
      '<rootDir>/test/*.test.ts',
      '<rootDir>/test/bench/*.test.ts',
    ]),
    suite('conformance', ['<rootDir>/test/conformance/**/*.test.ts']),
    suite('generated', ['<rootDir>/test/generated/**/*.test.ts']),
    suite('fuzz', ['<rootDir>/test/fuzz/**/*.test.ts']),
    suite('acceptance', ['<rootDir>/test/acceptance/**/*.test.ts']),
    suite('simulation', ['<rootDir>/test/simulation/**/*.test.ts']),
    suite('lab', ['<rootDir>/test/lab/**/*.test.ts']),
    {
      ...suite('constructs', ['<rootDir>/{constructs,examples}/**/*.test.ts']),
      // The sources, so that no build with jsii is needed before.
      moduleNameMapper: {
        ...base.moduleNameMapper,
        '^@limiquantix/constructs$': '<rootDir>/constructs/src/index.ts',
      },
      modulePathIgnorePatterns: [...base.modulePathIgnorePatterns, '/constructs/lib/'],
    },
  ],
};
