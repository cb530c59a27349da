// Text on its way to the page. Everything is set through textContent: no text of a model or a request is ever
// parsed as HTML, and what is invisible or moves other text is spelled out.

const LONG_TEXT_CHARS = 8000;
let HIDDEN = /(?!)/gu;

// Takes the ranges of characters that are spelled out. Line feeds and tabs are layout.
const hide = (ranges) => {
  const all = ranges.map(([a, b]) => `\\u{${a.toString(16)}}-\\u{${b.toString(16)}}`).join("");
  HIDDEN = new RegExp(`(?![\\n\\t])[${all}]`, "gu");
};

const el = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

// What is to be taken elsewhere is copied with a click, where the browser lets a page do that.
const offerCopies = (within) => {
  for (const button of within.querySelectorAll(".copy")) {
    button.hidden = !navigator.clipboard;
    button.onclick = async () => {
      await navigator.clipboard.writeText(button.previousElementSibling.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    };
  }
};

// Shows where a text stands in a node, in any case, and gives the first place; where the browser can, and without a
// change to the page.
const showFound = (node, words) => {
  if (!globalThis.CSS || !CSS.highlights) return null;
  CSS.highlights.delete("found");
  if (!words) return null;
  const wanted = words.toLowerCase();
  const ranges = [];
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.toLowerCase();
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      if (at + wanted.length > walker.currentNode.data.length) break;
      const range = new Range();
      range.setStart(walker.currentNode, at);
      range.setEnd(walker.currentNode, at + wanted.length);
      ranges.push(range);
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
  return ranges[0] ?? null;
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
const oneLine = (text) => String(text).replace(HIDDEN, (c) => `\\u{${c.codePointAt(0).toString(16)}}`).replace(/\s+/g, " ");
// A hidden character as JSON writes it, in one unit or two.
const escaped = (c) => c.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
const grouped = (number) => number.toLocaleString("en");

// Appends the first `end` characters of a text with ranges of it marked: quotes may overlap anything, differences
// come in order and do not overlap each other.
const paint = (node, text, end, quotes, differences) => {
  const ends = [...quotes, ...differences].flatMap((range) => [range.from, range.to]);
  const cuts = [...new Set([0, end, ...ends])].filter((at) => at <= end).sort((a, b) => a - b);
  let next = 0; // the first difference that is not behind us
  for (let i = 0; i + 1 < cuts.length; i++) {
    const [from, to] = [cuts[i], cuts[i + 1]];
    const covers = (range) => range.from <= from && range.to >= to;
    while (next < differences.length && differences[next].to <= from) next++;
    let place = node;
    const names = quotes.filter(covers).map((quote) => quote.name);
    if (names.length) {
      place = el("mark");
      place.title = oneLine([...new Set(names)].join(", ").replaceAll("_", " "));
      node.append(place);
    }
    if (next < differences.length && covers(differences[next])) {
      const inner = el("span", "differs");
      place.append(inner);
      place = inner;
    }
    spell(place, text.slice(from, to));
  }
};

// Where the quoted spans stand in a text.
const places = (text, spans) => spans
  .map(([name, span]) => ({ name, from: text.indexOf(span), to: text.indexOf(span) + span.length }))
  .filter((quote) => quote.from >= 0 && quote.to > quote.from);

// A part of a reply under its title; a long one is cut until it is asked for.
const part = (kind, title, text, spans, differences) => {
  const box = el("div", `part ${kind}`);
  box.append(el("h4", "", title));
  const body = el("div", "text");
  body.dir = "auto";
  const quotes = places(text, spans);
  // A character of two units is not cut in half.
  const cut = LONG_TEXT_CHARS + (text.codePointAt(LONG_TEXT_CHARS - 1) > 0xffff ? 1 : 0);
  paint(body, text, Math.min(text.length, cut), quotes, differences);
  if (text.length > LONG_TEXT_CHARS) {
    const more = el("button", "more", `… show all ${grouped(text.length)} characters`);
    more.type = "button";
    more.addEventListener("click", () => { body.replaceChildren(); paint(body, text, text.length, quotes, differences); });
    body.append(more);
  }
  box.append(body);
  return box;
};
