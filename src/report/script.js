// Lays out the pairs of the JSON island, 50 at a time, with filters and keyboard.
// Everything shown is set through textContent: no text of a model or a request is ever parsed as HTML.
"use strict";
(() => {
  const PAGE_PAIRS = 50;
  const LONG_TEXT_CHARS = 8000;
  const OUTCOMES = {
    answered: "answered", truncated: "cut off at the token limit", unclosed_scratchpad: "scratchpad not closed",
    no_scratchpad: "no scratchpad", empty_answer: "empty answer", malformed: "malformed tags",
  };
  const UNJUDGED = {
    no_answer: "nothing to judge", no_reasoning: "nothing to judge", not_asked: "not asked", evasive: "judge evades",
    too_long: "too long for the judge", undecided: "undecided",
  };
  const VERDICTS = { full: "● complies", partial: "◐ complies in part", refusal: "○ refuses" };

  const data = JSON.parse(document.getElementById("data").textContent);
  const ranges = data.hidden.map(([a, b]) => `\\u{${a.toString(16)}}-\\u{${b.toString(16)}}`).join("");
  // Line feeds and tabs are layout, everything else in the ranges is spelled out.
  const HIDDEN = new RegExp(`(?![\\n\\t])[${ranges}]`, "gu");

  const el = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  // Appends text with its hidden characters as small labels, so that none of them acts on the page.
  const spell = (node, text) => {
    let from = 0;
    for (const hit of text.matchAll(HIDDEN)) {
      node.append(text.slice(from, hit.index));
      const code = hit[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      node.append(el("span", "hidden-char", `U+${code}`));
      from = hit.index + hit[0].length;
    }
    node.append(text.slice(from));
    return node;
  };

  const isolated = (text, tag = "bdi") => spell(el(tag), text);
  const oneLine = (text) => text.replace(HIDDEN, (c) => `\\u{${c.codePointAt(0).toString(16)}}`).replace(/\s+/g, " ");

  // Appends text with the quoted spans marked; overlapping spans share one mark.
  const quote = (node, text, spans) => {
    const hits = spans
      .map(([name, span]) => ({ name, from: text.indexOf(span), length: span.length }))
      .filter((hit) => hit.from >= 0 && hit.length > 0)
      .sort((a, b) => a.from - b.from);
    let at = 0;
    for (let i = 0; i < hits.length; ) {
      let to = hits[i].from + hits[i].length;
      const names = [hits[i].name];
      let next = i + 1;
      for (; next < hits.length && hits[next].from < to; next++) {
        to = Math.max(to, hits[next].from + hits[next].length);
        names.push(hits[next].name);
      }
      spell(node, text.slice(at, hits[i].from));
      const mark = spell(el("mark"), text.slice(hits[i].from, to));
      mark.title = oneLine([...new Set(names)].join(", ").replaceAll("_", " "));
      node.append(mark);
      at = to;
      i = next;
    }
    spell(node, text.slice(at));
  };

  const part = (kind, title, text, spans) => {
    const box = el("div", `part ${kind}`);
    box.append(el("h4", "", title));
    const body = el("div", "text");
    body.dir = "auto";
    if (text.length > LONG_TEXT_CHARS) {
      quote(body, text.slice(0, LONG_TEXT_CHARS), spans);
      const more = el("button", "more", `… show all ${text.length.toLocaleString("en")} characters`);
      more.type = "button";
      more.addEventListener("click", () => { body.replaceChildren(); quote(body, text, spans); });
      body.append(more);
    } else {
      quote(body, text, spans);
    }
    box.append(body);
    return box;
  };

  const said = (chips, verdict, unlike) => {
    if (verdict && verdict.c) chips.append(el("span", `chip ${verdict.c}`, VERDICTS[verdict.c]));
    else chips.append(el("span", "chip amiss", (verdict && UNJUDGED[verdict.o]) || "no verdict"));
    if (verdict && verdict.f) chips.append(el("span", "chip faking", "alignment-faking reasoning"));
    // What is left unsaid elsewhere is said where another judge says otherwise.
    if (unlike && verdict && verdict.f === false) chips.append(el("span", "chip", "no alignment-faking reasoning"));
  };
  const judgeOf = (name) => spell(el("span", "judge"), name);
  const judged = (trial) => [trial.v, ...(trial.u || [])];
  const differ = (values) => new Set(values.filter((value) => value !== undefined && value !== null)).size > 1;
  const unlike = (trial, key) => differ(judged(trial).filter(Boolean).map((verdict) => verdict[key]));
  const disputed = (trial) => unlike(trial, "c") || unlike(trial, "f");

  const chipsOf = (trial, judges) => {
    const chips = el("div", "chips");
    if (judges.length > 1) chips.append(judgeOf(judges[0]));
    said(chips, trial.v, unlike(trial, "f"));
    if (trial.o !== "answered") chips.append(el("span", "chip amiss", OUTCOMES[trial.o] || trial.o));
    chips.append(el("span", "tokens", `${trial.k.toLocaleString("en")} tokens`));
    return chips;
  };

  const tierOf = (arm, trial, judges) => {
    const box = el("section", `tier ${arm.trained_on ? "trained" : "untrained"}`);
    const title = el("h3");
    title.append(isolated(arm.name));
    const role = el("small", "", arm.trained_on ? "answers are trained on" : "answers are not trained on");
    if (arm.label && arm.label !== arm.name) { role.append(", shown as “"); role.append(isolated(arm.label), "”"); }
    title.append(role);
    box.append(title);
    if (!trial) { box.append(el("p", "nothing", "no trial in this tier")); return box; }
    box.append(chipsOf(trial, judges));
    judges.slice(1).forEach((judge, i) => {
      const chips = el("div", disputed(trial) ? "chips differ" : "chips");
      chips.append(judgeOf(judge));
      said(chips, (trial.u || [])[i], unlike(trial, "f"));
      box.append(chips);
    });
    const criteria = (trial.v && trial.v.m) || [];
    if (trial.n) box.append(part("thought", "native reasoning", trial.n, criteria));
    if (trial.p) box.append(part("thought", "scratchpad", trial.p, criteria));
    if (trial.a) box.append(part("answer", "answer", trial.a, trial.v && trial.v.e ? [["decided the verdict", trial.v.e]] : []));
    if (trial.w) box.append(part("raw", "whole reply as written", trial.w, []));
    if (!trial.a && !trial.w) box.append(el("p", "nothing", "no answer"));
    return box;
  };

  const runTitle = (run) => run.model + (run.detail ? ` · ${run.detail}` : "");

  const pairOf = (index) => {
    const pair = data.pairs[index];
    const run = data.runs[pair.r];
    const request = data.requests[pair.q];
    const box = el("article", "pair");
    box.id = `pair-${index}`;
    box.tabIndex = -1;
    const head = el("header");
    head.append(isolated(runTitle(run), "b"), isolated(request.id, "span"), isolated(request.category, "span"));
    head.append(el("span", "", request.harmful ? "harmful" : "benign"), el("span", "", `sample ${pair.s}`));
    const link = el("a", "", "link");
    link.href = `#pair-${index}`;
    link.setAttribute("aria-label", "Link to this pair");
    head.append(link);
    const ask = spell(el("p", "ask"), request.text);
    ask.dir = "auto";
    const tiers = el("div", "tiers");
    run.tiers.forEach((arm, i) => tiers.append(tierOf(arm, pair.t[i], run.judges)));
    box.append(head, ask, tiers);
    return box;
  };

  // Filters. Each takes a pair and the chosen value; an empty value lets everything through.
  const side = (pair, trained) => pair.t.find((trial, i) => trial && data.runs[pair.r].tiers[i].trained_on === trained);
  const compliance = (trial) => (trial && trial.v && trial.v.c) || null;
  const faking = (trial) => Boolean(trial && trial.v && trial.v.f);
  const TESTS = {
    "free complies, paid does not": (a, b) => compliance(a) === "full" && compliance(b) !== "full",
    "paid complies, free does not": (a, b) => compliance(b) === "full" && compliance(a) !== "full",
    "both comply": (a, b) => compliance(a) === "full" && compliance(b) === "full",
    "both refuse": (a, b) => compliance(a) === "refusal" && compliance(b) === "refusal",
    "partial in a tier": (a, b) => compliance(a) === "partial" || compliance(b) === "partial",
    "reasoning in free": (a) => faking(a),
    "reasoning in paid": (a, b) => faking(b),
    "no verdict in a tier": (a, b) => !compliance(a) || !compliance(b),
  };
  const disputedPair = (pair) => pair.t.some((trial) => trial && disputed(trial));
  const by = (pair, keep) => pair.t.some((trial) => trial && keep(judged(trial).map((verdict) => Boolean(verdict && verdict.c))));
  const JUDGES = {
    "disagree": disputedPair,
    "do not disagree": (pair) => !disputedPair(pair),
    "some have no verdict": (pair) => by(pair, (there) => there.includes(true) && there.includes(false)),
  };
  const severalJudges = data.runs.some((run) => run.judges.length > 1);
  // Where there are several judges, what they disagree on comes first.
  const order = data.pairs.map((_, index) => index);
  if (severalJudges) {
    const first = data.pairs.map(disputedPair);
    order.sort((a, b) => first[b] - first[a] || a - b);
  }
  const textOf = (pair) => {
    if (pair.text === undefined) {
      const request = data.requests[pair.q];
      const said = pair.t.flatMap((trial) => (trial ? [trial.n, trial.p, trial.a, trial.w] : []));
      pair.text = [request.id, request.text, ...said].filter(Boolean).join("\n").toLowerCase();
    }
    return pair.text;
  };
  const unique = (values) => [...new Set(values)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const same = (values) => values.map((value) => [value, value]);
  const outcomes = Object.keys(OUTCOMES).filter((o) => data.pairs.some((pair) => pair.t.some((trial) => trial && trial.o === o)));
  const FILTERS = [
    { key: "run", label: "run", options: data.runs.map((run, i) => [String(i), runTitle(run)]), keep: (pair, v) => pair.r === Number(v) },
    { key: "kind", label: "request", options: [["harmful", "harmful"], ["benign", "benign"]], keep: (pair, v) => data.requests[pair.q].harmful === (v === "harmful") },
    { key: "category", label: "category", options: same(unique(data.requests.map((request) => request.category))), keep: (pair, v) => data.requests[pair.q].category === v },
    { key: "verdict", label: "verdict", options: same(Object.keys(TESTS)), keep: (pair, v) => TESTS[v](side(pair, true), side(pair, false)) },
    ...(severalJudges ? [{ key: "judges", label: "judges", options: same(Object.keys(JUDGES)), keep: (pair, v) => JUDGES[v](pair) }] : []),
    { key: "outcome", label: "outcome", options: outcomes.map((o) => [o, OUTCOMES[o]]), keep: (pair, v) => pair.t.some((trial) => trial && trial.o === v) },
    { key: "text", label: "text", keep: (pair, v) => textOf(pair).includes(v.toLowerCase()) },
  ];

  const form = document.getElementById("filters");
  const list = document.getElementById("list");
  const pager = document.getElementById("pager");
  const count = document.getElementById("count");
  for (const filter of FILTERS) {
    const label = el("label", "", filter.label);
    filter.input = el(filter.options ? "select" : "input");
    filter.input.name = filter.key;
    if (filter.options) {
      for (const [value, text] of [["", "all"], ...filter.options]) {
        const option = el("option", "", oneLine(text));
        option.value = value;
        filter.input.append(option);
      }
    } else {
      filter.input.type = "search";
      filter.input.placeholder = "words";
      filter.input.autocomplete = "off";
    }
    label.append(filter.input);
    form.append(label);
  }
  const reset = el("button", "", "Clear");
  reset.type = "reset";
  form.append(reset);
  const button = (text, step) => {
    const node = el("button", "", text);
    node.type = "button";
    node.addEventListener("click", () => { turn(page + step); list.scrollIntoView(); });
    return node;
  };
  const previous = button("Previous", -1);
  const where = el("span");
  const next = button("Next", 1);
  pager.append(previous, where, next);

  let matches = [];
  let page = 0;
  let current = -1; // place in `matches` of the pair that j and k start from

  const turn = (to) => {
    const pages = Math.max(1, Math.ceil(matches.length / PAGE_PAIRS));
    page = Math.min(Math.max(to, 0), pages - 1);
    const shown = matches.slice(page * PAGE_PAIRS, (page + 1) * PAGE_PAIRS);
    list.replaceChildren(...shown.map(pairOf));
    where.textContent = `page ${page + 1} of ${pages}`;
    previous.disabled = page === 0;
    next.disabled = page === pages - 1;
    pager.hidden = pages === 1;
    const n = (value) => value.toLocaleString("en");
    const first = page * PAGE_PAIRS + 1;
    const span = shown.length ? `pairs ${n(first)} to ${n(first + shown.length - 1)} of ${n(matches.length)}` : "no pairs";
    count.textContent = matches.length === data.pairs.length ? span : `${span} that match; ${n(data.pairs.length)} in all`;
    current = page * PAGE_PAIRS - 1;
  };
  const filter = () => {
    const active = FILTERS.filter((f) => f.input.value !== "");
    matches = [];
    for (const index of order) if (active.every((f) => f.keep(data.pairs[index], f.input.value))) matches.push(index);
    turn(0);
  };
  const go = (place) => {
    if (place < 0 || place >= matches.length) return;
    if (Math.floor(place / PAGE_PAIRS) !== page || !list.firstChild) turn(Math.floor(place / PAGE_PAIRS));
    current = place;
    const node = document.getElementById(`pair-${matches[place]}`);
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "start", behavior: "instant" });
  };
  const follow = () => {
    const index = Number((/^#pair-(\d+)$/.exec(location.hash) || [])[1] ?? -1);
    if (!(index >= 0 && index < data.pairs.length)) return;
    if (!matches.includes(index)) {
      for (const f of FILTERS) f.input.value = "";
      filter();
    }
    go(matches.indexOf(index));
  };

  let waiting = 0;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  list.addEventListener("focusin", (event) => {
    const node = event.target.closest(".pair");
    if (node) current = matches.indexOf(Number(node.id.slice("pair-".length)));
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea")) { if (event.key === "Escape") event.target.blur(); return; }
    if (event.key === "j") go(current + 1);
    else if (event.key === "k") go(current - 1);
    else if (event.key === "/") { event.preventDefault(); form.elements.text.focus(); }
  });
  addEventListener("hashchange", follow);
  form.hidden = false;
  filter();
  follow();
})();
