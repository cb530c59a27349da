// The pairs: a list of all that match, of which only the rows in sight exist, and the chosen pair in full beside it.
// The address holds the filters and the pair.

const ROW_PX = 46;
const ROWS_AROUND = 8;
const MOST_PRINTED = 100;
const GLYPHS = ["●", "◐", "○"];
const SPOKEN = ["complies", "complies in part", "refuses"];

const form = document.getElementById("filters");
const list = document.getElementById("list");
const rows = document.getElementById("rows");
const chosen = document.getElementById("chosen");
const count = document.getElementById("count");
const paper = document.getElementById("paper");

let data = null;
let lines = []; // one JSON text per pair
let texts = []; // by pair: all its words in lower case, once they have been looked through
let filters = [];
let orders = {};
let matches = [];
let current = -1; // place in `matches` of the chosen pair
let search = 0; // the number of the search under way
let touched = false; // whether the reader has chosen anything, so that the address is to hold it

const trialsOf = (index) => JSON.parse(lines[index]);
const haystack = (index) => {
  if (texts[index] === undefined) {
    const request = data.requests[data.pairs[index][1]];
    const words = trialsOf(index).flatMap((trial) => (trial ? [trial.n, trial.p, trial.a, trial.w] : []));
    texts[index] = [request.id, request.text, ...words].filter(Boolean).join("\n").toLowerCase();
  }
  return texts[index];
};

// A pair's name in an address: run, sample, request.
const nameOf = (index) => { const [r, q, s] = data.pairs[index]; return `${r}.${s}.${data.requests[q].id}`; };
const valueOf = (key) => form.elements[key].value;
const address = (pair) => {
  const state = new URLSearchParams();
  for (const { key } of [...filters, { key: "text" }]) if (valueOf(key)) state.set(key, valueOf(key));
  if (form.elements.sort.selectedIndex > 0) state.set("sort", valueOf("sort"));
  if (pair !== undefined) state.set("pair", nameOf(pair));
  return `#${state}`;
};
const remember = () => {
  if (!touched) return;
  const to = address(current < 0 ? undefined : matches[current]);
  try { history.replaceState(null, "", to === "#" ? location.pathname + location.search : to); } catch { /* A browser that is asked too often says no. */ }
};

// What a row says, to eyes and to ears.
const rowOf = (place) => {
  const pair = data.pairs[matches[place]];
  const [r, q, sample, cells] = pair;
  const request = data.requests[q];
  const run = data.runs[r];
  const row = el("div", "choice");
  row.id = `row-${place}`;
  row.setAttribute("role", "option");
  row.setAttribute("aria-setsize", matches.length);
  row.setAttribute("aria-posinset", place + 1);
  row.setAttribute("aria-selected", place === current);
  row.style.transform = `translateY(${place * ROW_PX}px)`;
  const marks = el("span", "marks");
  run.tiers.forEach((arm, i) => {
    const cell = cells[i];
    const mark = el("span", arm.trained_on ? "free" : "paid");
    const glyph = el("span", "", cell ? GLYPHS[cell[1]] || "–" : "·");
    glyph.setAttribute("aria-hidden", "true");
    const spoken = cell ? SPOKEN[cell[1]] || "no verdict" : "no trial";
    mark.append(glyph, el("span", "away", `${oneLine(arm.name)} ${spoken}${reasons(cell) ? ", alignment-faking reasoning" : ""}. `));
    mark.title = `${oneLine(arm.name)}: ${spoken}`;
    if (reasons(cell)) { const why = el("sup", "reason", "r"); why.setAttribute("aria-hidden", "true"); why.title = "alignment-faking reasoning"; mark.append(why); }
    marks.append(mark);
  });
  const words = el("span", "words");
  const head = el("b");
  head.append(isolated(request.id));
  const rest = [data.runs.length > 1 ? runTitle(run) : "", run.samples > 1 ? `sample ${sample}` : ""].filter(Boolean).join(" · ");
  if (rest) head.append(isolated(rest, "small"));
  words.append(head, el("span", "first", oneLine(request.text.slice(0, 200))));
  row.append(marks, words);
  if (disputed(pair)) row.append(el("span", "dispute", "judges differ"));
  return row;
};

// Makes the rows in sight, and no others.
const scroll = () => {
  const first = Math.max(0, Math.floor(list.scrollTop / ROW_PX) - ROWS_AROUND);
  const last = Math.min(matches.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW_PX) + ROWS_AROUND);
  const made = [];
  for (let place = first; place < last; place++) made.push(rowOf(place));
  rows.style.height = `${matches.length * ROW_PX}px`;
  rows.replaceChildren(...made);
  if (current >= first && current < last) list.setAttribute("aria-activedescendant", `row-${current}`);
  else list.removeAttribute("aria-activedescendant");
};

const tell = () => {
  const all = data.pairs.length;
  const n = matches.length;
  const of = n === all ? `${grouped(n)} pairs` : `${grouped(n)} of ${grouped(all)} pairs match`;
  count.textContent = n ? `${of}; this is number ${grouped(current + 1)}` : "no pair matches";
};

const choose = (place, { look = true } = {}) => {
  if (place < 0 || place >= matches.length) return;
  current = place;
  const index = matches[place];
  chosen.replaceChildren(pairOf(data, data.pairs[index], trialsOf(index), address(index)));
  const first = showFound(chosen, valueOf("text"));
  const top = place * ROW_PX;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + ROW_PX > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW_PX - list.clientHeight;
  scroll();
  tell();
  remember();
  // A hit far down in a long reply is brought into sight within the pair.
  if (first && first.getBoundingClientRect().bottom > innerHeight) first.startContainer.parentElement.scrollIntoView({ block: "center", behavior: "instant" });
  const { top: at } = chosen.getBoundingClientRect();
  if (!first && look && (at < 0 || at > innerHeight * 0.6)) document.getElementById("browse").scrollIntoView({ block: "start", behavior: "instant" });
};

// Finds what matches, and keeps the chosen pair if it is among it.
const filter = async ({ pair } = {}) => {
  const mine = ++search;
  const stale = () => mine !== search;
  const kept = pair ?? (current >= 0 ? matches[current] : -1);
  const active = filters.filter(({ key }) => valueOf(key) !== "");
  const order = ordered(data.pairs, orders[valueOf("sort")]);
  let found = order.filter((i) => active.every((f) => f.keep(data.pairs[i], valueOf(f.key))));
  const text = valueOf("text");
  if (text) {
    count.textContent = "looking for the text …";
    found = await holding(found, text, haystack, stale);
    if (!found) return;
  }
  matches = found;
  current = -1;
  const place = Math.max(0, kept < 0 ? 0 : matches.indexOf(kept));
  if (matches.length) { choose(place, { look: false }); return; }
  chosen.replaceChildren(el("p", "nothing", "no pair matches"));
  scroll();
  tell();
  remember();
};

// Sets filters, order and pair as an address says; what it does not name, or names in vain, is open.
const follow = async () => {
  const hash = location.hash.slice(1);
  if (!hash.includes("=")) return false;
  touched = true;
  const state = new URLSearchParams(hash);
  for (const input of form.elements) {
    if (!input.name) continue;
    input.value = state.get(input.name) ?? "";
    if (input.tagName === "SELECT" && input.selectedIndex < 0) input.selectedIndex = 0;
  }
  if (!state.has("sort")) form.elements.sort.selectedIndex = 0;
  const name = state.get("pair");
  const pair = name === null ? -1 : data.pairs.findIndex((_, i) => nameOf(i) === name);
  await filter({ pair });
  // A pair that the filters hide is shown all the same.
  if (pair >= 0 && !matches.includes(pair)) { form.reset(); await filter({ pair }); }
  document.getElementById("pairs").scrollIntoView({ block: "start", behavior: "instant" });
  return true;
};

const field = (key, words, options) => {
  const label = el("label", "", words);
  const input = el(options ? "select" : "input");
  input.name = key;
  for (const [value, text] of options || []) {
    const option = el("option", "", oneLine(text));
    option.value = value;
    input.append(option);
  }
  if (!options) { input.type = "search"; input.placeholder = "words"; input.autocomplete = "off"; }
  label.append(input);
  return label;
};

// Takes the data of a page, and keeps what was chosen before.
const load = (index, pairs) => {
  const before = data && Object.fromEntries([...form.elements].filter((input) => input.name).map((input) => [input.name, input.value]));
  const was = current >= 0 ? nameOf(matches[current]) : null;
  data = JSON.parse(index);
  lines = pairs ? pairs.split("\n") : [];
  texts = [];
  hide(data.hidden);
  filters = filtersOf(data);
  orders = ordersOf(data);
  const reset = el("button", "", "Clear");
  reset.type = "reset";
  form.replaceChildren(
    ...filters.map((f) => field(f.key, f.label, [["", "all"], ...f.options])),
    field("text", "text"),
    field("sort", "order", same(Object.keys(orders))),
    reset,
  );
  for (const input of form.elements) {
    if (!before || !(input.name in before)) continue;
    input.value = before[input.name];
    if (input.tagName === "SELECT" && input.selectedIndex < 0) input.selectedIndex = 0;
  }
  current = -1;
  return was === null ? -1 : data.pairs.findIndex((_, i) => nameOf(i) === was);
};

const focusTier = (trained) => {
  const tier = chosen.querySelector(trained ? ".tier.trained" : ".tier.untrained");
  if (!tier) return;
  tier.focus({ preventScroll: true });
  tier.scrollIntoView({ block: "start", behavior: "instant" });
};
const KEYS = {
  j: () => choose(current + 1),
  k: () => choose(current - 1),
  f: () => focusTier(true),
  p: () => focusTier(false),
  "/": () => form.elements.text.focus(),
};
const LIST_KEYS = {
  ArrowDown: () => current + 1,
  ArrowUp: () => current - 1,
  PageDown: () => Math.min(current + Math.floor(list.clientHeight / ROW_PX), matches.length - 1),
  PageUp: () => Math.max(current - Math.floor(list.clientHeight / ROW_PX), 0),
  Home: () => 0,
  End: () => matches.length - 1,
};

let waiting = 0;
const touch = () => { touched = true; };
form.addEventListener("input", () => { touch(); clearTimeout(waiting); waiting = setTimeout(filter, 120); });
form.addEventListener("reset", () => { touch(); setTimeout(filter); });
form.addEventListener("submit", (event) => event.preventDefault());
list.addEventListener("scroll", scroll, { passive: true });
list.addEventListener("click", (event) => {
  const row = event.target.closest(".choice");
  touch();
  if (row) choose(Number(row.id.slice("row-".length)));
});
list.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter") { chosen.focus(); return; }
  if (!(event.key in LIST_KEYS)) return;
  event.preventDefault();
  touch();
  choose(LIST_KEYS[event.key](), { look: false });
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest("input, select, textarea")) { if (event.key === "Escape") event.target.blur(); return; }
  if (!(event.key in KEYS)) return;
  event.preventDefault();
  touch();
  KEYS[event.key]();
});
// Paper gets the pairs that match in full, up to a number.
addEventListener("beforeprint", () => {
  const printed = matches.slice(0, MOST_PRINTED);
  paper.replaceChildren(
    el("p", "lead", `${grouped(printed.length)} of ${grouped(matches.length)} pairs that match the filters, of ${grouped(data.pairs.length)} in all.`),
    ...printed.map((i) => pairOf(data, data.pairs[i], trialsOf(i), address(i))),
  );
});
addEventListener("afterprint", () => paper.replaceChildren());
addEventListener("resize", scroll);
addEventListener("hashchange", follow);

offerCopies(document);

const island = (page, id) => page.getElementById(id).textContent;
load(island(document, "data"), island(document, "lines"));
form.hidden = false;
document.getElementById("browse").hidden = false;
follow().then((followed) => followed || filter());
