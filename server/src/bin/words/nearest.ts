/** The word that somebody meant who mistyped it. Pure. */

/** The nearest of some words; undefined where none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const typed = word.toLowerCase();
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = distanceOf(typed, candidate.toLowerCase());
    if (distance !== undefined && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate;
}

/** `; did you mean "web"?`, or nothing. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? '' : `; did you mean "${meant}"?`;
}

/** Shorter parts of a word say too little. */
const partCharactersMin = 3;

function distanceOf(typed: string, candidate: string): number | undefined {
  const distance = editDistance(typed, candidate);
  if (distance <= Math.max(1, Math.floor(typed.length / 3))) return distance;
  // A part of a name, such as `pool` for `storage_pool`, is nearer than any other mistake.
  const isPart = typed.length >= partCharactersMin && candidate.split(/[_.-]/).includes(typed);
  const isBeginning = typed.length >= partCharactersMin && candidate.startsWith(typed);
  return isPart || isBeginning ? candidate.length : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours that make one word the other. */
function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const same = from[i - 1] === to[j - 1];
      let cost = Math.min(
        cell(row, j) + 1,
        cell(next, j - 1) + 1,
        cell(row, j - 1) + (same ? 0 : 1),
      );
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (isSwap) cost = Math.min(cost, cell(before, j - 2) + 1);
      next.push(cost);
    }
    [before, row] = [row, next];
  }
  return cell(row, to.length);
}

const cell = (row: readonly number[], at: number): number => row[at] ?? Number.POSITIVE_INFINITY;
