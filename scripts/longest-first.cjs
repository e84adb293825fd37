/**
 * The order of jest's suites: those that take minutes begin first, so that none of them is left over for one
 * processor in the end. A clean clone knows no durations of earlier runs; without this order jest takes the
 * largest files first, and the longest suites are short files.
 */
const Sequencer = require('@jest/test-sequencer').default;

/** By what a run names as its slowest suites, longest first. */
const longest = [
  'test/lab/faults.test.ts',
  'test/lab/quickstart.test.ts',
  'test/generated/resources.test.ts',
  'test/conformance/vm-driver.test.ts',
  'test/acceptance/provider/lifecycle.test.ts',
  'test/acceptance/examples.test.ts',
  'test/conformance/etcd-faults.test.ts',
  'test/acceptance/plans.test.ts',
];
/** Of the others, those with processes of their own come before those without. */
const projects = ['acceptance', 'conformance', 'generated', 'constructs', 'unit'];

class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path, context }) => {
      const at = longest.findIndex((name) => path.endsWith(name));
      if (at !== -1) return at;
      return longest.length + projects.indexOf(context.config.displayName?.name);
    };
    return super.sort(tests).sort((a, b) => rank(a) - rank(b));
  }
}

module.exports = LongestFirst;
