// The words in which two texts differ: a shortest edit script over words (Myers 1986), bounded.
// Knows nothing about where they are shown.

// A word with the space before it, so that space alone is nothing in common.
const WORDS = /\s*(?:[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_])|\s+/gu;
const MOST_EDITS = 600;
// Below this share of common words nothing is marked: everything would be.
const LEAST_COMMON = 0.25;

// For each of two texts the ranges that the other lacks; null where the texts have little in common.
const differences = (first, second) => {
  const a = first.match(WORDS) || [];
  const b = second.match(WORDS) || [];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const kept = common(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const keptA = new Set(kept.map(([i]) => start + i));
  const keptB = new Set(kept.map(([, j]) => start + j));
  const outside = (words, i) => i < start || i >= words.length - end;
  const same = start + end + kept.length;
  if (same < LEAST_COMMON * Math.max(a.length, b.length)) return null;
  return [ranges(a, (i) => outside(a, i) || keptA.has(i)), ranges(b, (i) => outside(b, i) || keptB.has(i))];
};

// Neighboring words that are not kept, as ranges of characters, without the space before them.
const ranges = (words, kept) => {
  const found = [];
  let at = 0;
  words.forEach((word, i) => {
    const to = at + word.length;
    if (!kept(i)) {
      const last = found[found.length - 1];
      if (last && last.to === at) last.to = to; else found.push({ from: to - (word.trimStart().length || word.length), to });
    }
    at = to;
  });
  return found;
};

// Pairs of places at which the words agree, along a shortest edit script; none where it is too long.
const common = (a, b) => {
  const most = Math.min(a.length + b.length, MOST_EDITS);
  const far = new Int32Array(2 * most + 3); // by diagonal: how far along `a` the path has come
  const center = most + 1;
  const history = [];
  for (let edits = 0; edits <= most; edits++) {
    history.push(far.slice(center - edits - 1, center + edits + 2));
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && far[center + k - 1] < far[center + k + 1]);
      let x = down ? far[center + k + 1] : far[center + k - 1] + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      far[center + k] = x;
      if (x >= a.length && x - k >= b.length) return walk(a, b, history);
    }
  }
  return [];
};

// Back along the path: its diagonal steps are the words in common.
const walk = (a, b, history) => {
  const kept = [];
  let [x, y] = [a.length, b.length];
  for (let edits = history.length - 1; edits >= 0 && (x > 0 || y > 0); edits--) {
    const far = (k) => history[edits][k + edits + 1];
    const k = x - y;
    const down = k === -edits || (k !== edits && far(k - 1) < far(k + 1));
    const before = down ? k + 1 : k - 1;
    const beforeX = edits === 0 ? 0 : far(before);
    const beforeY = edits === 0 ? 0 : beforeX - before;
    while (x > beforeX && y > beforeY) kept.push([--x, --y]);
    [x, y] = [beforeX, beforeY];
  }
  return kept;
};
