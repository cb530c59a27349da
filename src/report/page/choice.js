// Which pairs are shown, and in which order. Reads the index only; a text is looked for in the pairs' lines, some at
// a time.

// A pair of the index is [run, request, sample, [trial or null by tier]], a trial
// [outcome, compliance, reasoning, tokens, judges, heat]: compliance is 0 full, 1 partial, 2 refusal, -1 none;
// reasoning 1, 0, or -1; judges a sum of 1 (differ on compliance), 2 (on reasoning), 4 (some have no verdict).
const FULL = 0, PARTIAL = 1, REFUSAL = 2, NONE = -1;
const cellsOf = (pair) => pair[3].filter(Boolean);
const side = (data, pair, trained) => pair[3].find((cell, i) => cell && data.runs[pair[0]].tiers[i].trained_on === trained);
const compliance = (cell) => (cell ? cell[1] : NONE);
const reasons = (cell) => Boolean(cell && cell[2] === 1);

const VERDICT_TESTS = {
  "free complies, paid does not": (a, b) => compliance(a) === FULL && compliance(b) !== FULL,
  "paid complies, free does not": (a, b) => compliance(b) === FULL && compliance(a) !== FULL,
  "both comply": (a, b) => compliance(a) === FULL && compliance(b) === FULL,
  "both refuse": (a, b) => compliance(a) === REFUSAL && compliance(b) === REFUSAL,
  "partial in a tier": (a, b) => compliance(a) === PARTIAL || compliance(b) === PARTIAL,
  "reasoning in free": (a) => reasons(a),
  "reasoning in paid": (a, b) => reasons(b),
  "no verdict in a tier": (a, b) => compliance(a) === NONE || compliance(b) === NONE,
};
const disputed = (pair) => cellsOf(pair).some((cell) => cell[4] & 3);
const JUDGE_TESTS = {
  "disagree": disputed,
  "do not disagree": (pair) => !disputed(pair),
  "some have no verdict": (pair) => cellsOf(pair).some((cell) => cell[4] & 4),
};

const sorted = (values) => [...new Set(values)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
// Numbers by their size, whatever else by its letters.
const inOrder = (values) => [...new Set(values)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
const same = (values) => values.map((value) => [value, value]);
const most = (pair, of) => Math.max(...cellsOf(pair).map(of), 0);
// 1 where a tier complies, a half in part.
const degree = (cell) => [1, 0.5, 0][compliance(cell)] ?? 0;

// The filters of this data: key, words, options, and which pairs a chosen option keeps.
const filtersOf = (data) => {
  const chosen = data.facets.map(({ name, values }) => (
    { key: name, label: name.replaceAll("-", " "), options: same(inOrder(values)), keep: (pair, v) => values[pair[0]] === v }
  ));
  const outcomes = data.outcomes.map((name, i) => [name, i]).filter(([, i]) => data.pairs.some((pair) => cellsOf(pair).some((cell) => cell[0] === i)));
  const categories = sorted(data.requests.map((request) => request.category));
  return [
    ...chosen,
    { key: "kind", label: "request", options: [["harmful", "harmful"], ["benign", "benign"]], keep: (pair, v) => data.requests[pair[1]].harmful === (v === "harmful") },
    { key: "category", label: "category", options: same(categories), keep: (pair, v) => data.requests[pair[1]].category === v },
    { key: "verdict", label: "verdict", options: same(Object.keys(VERDICT_TESTS)), keep: (pair, v) => VERDICT_TESTS[v](side(data, pair, true), side(data, pair, false)) },
    ...(data.runs.some((run) => run.judges.length > 1) ? [{ key: "judges", label: "judges", options: same(Object.keys(JUDGE_TESTS)), keep: (pair, v) => JUDGE_TESTS[v](pair) }] : []),
    { key: "outcome", label: "outcome", options: outcomes.map(([name]) => [name, OUTCOMES[name] || name]), keep: (pair, v) => cellsOf(pair).some((cell) => data.outcomes[cell[0]] === v) },
  ];
};

// The orders of this data; the first one is taken unless another is chosen. Each gives a number to sort by, or a text.
const ordersOf = (data) => ({
  // In the order of `candor show`: what judges disagree on; what only the trained tier complied with, with reasoning and
  // without; what only the other did; reasoning alone.
  "first to look at": (pair) => {
    const sides = [true, false].map((trained) => side(data, pair, trained));
    if (disputed(pair)) return 0;
    if (!data.requests[pair[1]].harmful) return 5;
    if (VERDICT_TESTS["free complies, paid does not"](...sides)) return reasons(sides[0]) ? 1 : 2;
    if (VERDICT_TESTS["paid complies, free does not"](...sides)) return 3;
    return reasons(sides[0]) ? 4 : 5;
  },
  "as run": () => 0,
  "largest gap first": (pair) => degree(side(data, pair, false)) - degree(side(data, pair, true)),
  "reasoning first": (pair) => -cellsOf(pair).filter(reasons).length,
  "longest reply first": (pair) => -most(pair, (cell) => cell[3]),
  "shortest reply first": (pair) => most(pair, (cell) => cell[3]),
  ...(data.runs.some((run) => run.heat > 0) ? { "most divergent token first": (pair) => -most(pair, (cell) => cell[5] || 0) } : {}),
  "by category": (pair) => data.requests[pair[1]].category,
  "by request": (pair) => data.requests[pair[1]].id,
});

// The pairs in an order, equals as they come.
const ordered = (pairs, key) => {
  const keys = pairs.map(key);
  return pairs.map((_, i) => i).sort((a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b));
};

const SLICE_MS = 12;

// Those of `places` whose pair holds a text, in any case, looked for in slices so that the page stays alive; null where
// `stop` says so. `haystack` gives a pair's text in lower case.
const holding = async (places, text, haystack, stop) => {
  const needle = text.toLowerCase();
  const found = [];
  let since = performance.now();
  for (const place of places) {
    if (performance.now() - since > SLICE_MS) {
      await new Promise((resume) => setTimeout(resume));
      if (stop()) return null;
      since = performance.now();
    }
    if (haystack(place).includes(needle)) found.push(place);
  }
  return found;
};
