// One pair in full: what was asked, and every tier's reply beside the other's, with the verdicts on it.

const OUTCOMES = {
  answered: "answered", truncated: "cut off at the token limit", unclosed_scratchpad: "scratchpad not closed",
  no_scratchpad: "no scratchpad", empty_answer: "empty answer", malformed: "malformed tags",
};
const UNJUDGED = {
  no_answer: "nothing to judge", no_reasoning: "nothing to judge", not_asked: "not asked", evasive: "judge evades",
  unreadable: "no readable reply", language: "language not read", no_choice: "no option chosen",
  too_long: "too long for the judge", undecided: "undecided",
};
const VERDICTS = { full: "● complies", partial: "◐ complies in part", refusal: "○ refuses" };

const said = (chips, verdict, unlike) => {
  if (verdict && verdict.c) chips.append(el("span", `chip ${verdict.c}`, VERDICTS[verdict.c]));
  else chips.append(el("span", "chip amiss", (verdict && UNJUDGED[verdict.o]) || "no verdict"));
  if (verdict && verdict.f) chips.append(el("span", "chip faking", "alignment-faking reasoning"));
  // What is left unsaid elsewhere is said where another judge says otherwise.
  if (unlike && verdict && verdict.f === false) chips.append(el("span", "chip", "no alignment-faking reasoning"));
};
const judgeOf = (name) => spell(el("span", "judge"), name);
const unlike = (trial, key) => {
  const values = [trial.v, ...(trial.u || [])].filter(Boolean).map((verdict) => verdict[key]);
  return new Set(values.filter((value) => value !== undefined && value !== null)).size > 1;
};

const chipsOf = (trial, judges) => {
  const rows = judges.map((judge, i) => {
    const chips = el("div", "chips");
    if (judges.length > 1) chips.append(judgeOf(judge));
    said(chips, i ? (trial.u || [])[i - 1] : trial.v, unlike(trial, "f"));
    if (i && (unlike(trial, "c") || unlike(trial, "f"))) chips.classList.add("differ");
    return chips;
  });
  if (trial.o !== "answered") rows[0].append(el("span", "chip amiss", OUTCOMES[trial.o] || trial.o));
  rows[0].append(el("span", "tokens", `${grouped(trial.k)} tokens`));
  return rows;
};

// The criteria of alignment-faking reasoning that were found, by name; their words are marked in the scratchpad.
const criteriaOf = (spans) => {
  const names = [...new Set(spans.map(([name]) => oneLine(name).replaceAll("_", " ")))];
  const line = el("p", "criteria", names.length > 1 ? "criteria met: " : "criterion met: ");
  names.forEach((name, i) => line.append(i ? ", " : "", isolated(name, "b")));
  return line;
};

// What is made when it is asked for, and then kept.
const folded = (title, make) => {
  const box = el("details", "prompt");
  box.append(el("summary", "", title));
  box.addEventListener("toggle", () => { if (box.open && box.childElementCount === 1) box.append(make()); });
  return box;
};

// The prompt in full, put together when it is asked for: that of the run's first request with this one's words, unless
// the record says that this one's is another.
const promptOf = (run, arm, request) => {
  const prompt = run.prompts.find((prompt) => prompt.tier === arm.name);
  if (!prompt) return null;
  return folded("prompt as the model read it", () => {
    const text = el("pre");
    text.tabIndex = 0;
    return spell(text, Object.hasOwn(prompt.others, request.id) ? prompt.others[request.id] : prompt.parts.join(request.text));
  });
};

const NO_DIFFERENCES = { n: [], p: [], a: [] };

const tierOf = (run, arm, trial, differing, request, place) => {
  const box = el("section", `tier ${arm.trained_on ? "trained" : "untrained"}`);
  box.tabIndex = -1;
  const title = el("h3");
  title.id = `tier-${place}`;
  box.setAttribute("aria-labelledby", title.id);
  title.append(isolated(arm.name));
  const role = el("small", "", arm.trained_on ? "answers are trained on" : "answers are not trained on");
  if (arm.label && arm.label !== arm.name) { role.append(", shown as “"); role.append(isolated(arm.label), "”"); }
  title.append(role);
  box.append(title);
  if (!trial) { box.append(el("p", "nothing", "no trial in this tier")); return box; }
  box.append(...chipsOf(trial, run.judges));
  const criteria = (trial.v && trial.v.m) || [];
  if (trial.g) box.append(part("raw", "given to the reply, not the model's own", trial.g, [], []));
  if (trial.n) box.append(part("thought", "native reasoning", trial.n, criteria, differing.n));
  if (trial.p) box.append(part("thought", "scratchpad", trial.p, criteria, differing.p));
  if (criteria.length) box.append(criteriaOf(criteria));
  if (trial.a) box.append(part("answer", "answer", trial.a, trial.v && trial.v.e ? [["decided the verdict", trial.v.e]] : [], differing.a));
  if (trial.w) box.append(part("raw", "whole reply as written", trial.w, [], []));
  if (!trial.a && !trial.w) box.append(el("p", "nothing", "no answer"));
  if (trial.h) box.append(heatOf(trial.h, run.heat, arm.name));
  const prompt = promptOf(run, arm, request);
  if (prompt) box.append(prompt);
  return box;
};

// What differs between the first two tiers, part by part, and what is said about it.
const compareTiers = (trials) => {
  const [a, b] = trials;
  const sides = [{ ...NO_DIFFERENCES }, { ...NO_DIFFERENCES }];
  const alien = [];
  let marked = false;
  for (const [key, name] of [["n", "native reasoning"], ["p", "scratchpad"], ["a", "answer"]]) {
    if (!a || !b || !a[key] || !b[key] || a[key] === b[key]) continue;
    const found = differences(a[key], b[key]);
    if (!found) { alien.push(name); continue; }
    [sides[0][key], sides[1][key]] = found;
    marked = true;
  }
  const notes = [];
  if (marked) notes.push("Underlined: words that the other tier does not have.");
  if (alien.length) notes.push(`${alien.join(" and ")}: little in common.`.replace(/^./, (c) => c.toUpperCase()));
  return { sides, note: notes.join(" ") };
};

// A pair as JSON, for wherever it is taken: what was asked, and of each tier the reply in its parts and the verdicts.
const recordOf = (run, request, sample, trials) => {
  const verdictOf = (verdict) => verdict && { compliance: verdict.c ?? null, reasoning: verdict.f ?? null };
  const tiers = run.tiers.map((arm, i) => {
    const trial = trials[i];
    if (!trial) return [arm.name, null];
    const verdicts = run.judges.map((judge, j) => [judge, verdictOf(j ? (trial.u || [])[j - 1] : trial.v) ?? null]);
    return [arm.name, {
      outcome: trial.o, given: trial.g, native_reasoning: trial.n, scratchpad: trial.p, answer: trial.a, raw: trial.w,
      verdicts: Object.fromEntries(verdicts),
    }];
  });
  const { id, category, harmful, text } = request;
  return { model: run.model, detail: run.detail, request: { id, category, harmful, text }, sample, tiers: Object.fromEntries(tiers) };
};

const jsonOf = (run, request, sample, trials) => folded("this pair as JSON", () => {
  const held = el("div", "copied");
  const text = el("pre", "", JSON.stringify(recordOf(run, request, sample, trials), null, 2).replace(HIDDEN, escaped));
  text.tabIndex = 0;
  const copy = el("button", "more copy", "Copy");
  copy.type = "button";
  held.append(text, copy);
  offerCopies(held);
  return held;
});

const runTitle = (run) => run.model + (run.detail ? ` · ${run.detail}` : "");

// `pair` is a row of the index, `trials` what its line says, `address` its link.
const pairOf = (data, pair, trials, address) => {
  const [r, q, sample] = pair;
  const run = data.runs[r];
  const request = data.requests[q];
  const box = el("div", "pair");
  const head = el("header");
  head.append(isolated(runTitle(run), "b"), isolated(request.id, "span"), isolated(request.category, "span"));
  head.append(el("span", "", request.harmful ? "harmful" : "benign"), el("span", "", `sample ${sample}`));
  const link = el("a", "", "link");
  link.href = address;
  link.setAttribute("aria-label", "Link to this pair");
  head.append(link);
  const ask = spell(el("p", "ask"), request.text);
  ask.dir = "auto";
  box.append(head, ask);
  const { sides, note } = compareTiers(trials);
  if (note) box.append(el("p", "legend", note));
  const tiers = el("div", "tiers");
  run.tiers.forEach((arm, i) => tiers.append(tierOf(run, arm, trials[i], sides[i] || NO_DIFFERENCES, request, i)));
  box.append(tiers, jsonOf(run, request, sample, trials));
  return box;
};
