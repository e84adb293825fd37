import { wordOfAction } from './action-word.js';

test.each([
  ['start', 'start'],
  [{ kind: 'make-directories', path: '/secret' }, 'make-directories'],
  [{ what: 'write the logical switch port', operations: [] }, 'write the logical switch port'],
  [{}, 'change'],
])('calls %j %s', (action, word) => {
  expect(wordOfAction(action)).toBe(word);
});
