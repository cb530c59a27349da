// The report's page in a real browser, from disk. The pages in the folder given are made by tests/browser.rs.

import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { main, test } from "./driver.mjs";

const page = (name, hash = "") => pathToFileURL(join(process.argv[2], `${name}.html`)).href + hash;
const matches = () => document.querySelector('[role="option"]')?.getAttribute("aria-setsize") ?? "0";
const title = () => document.querySelector("#chosen header span")?.textContent;
const open = async (browser, name, hash) => {
  // Another document first: an address that differs in its hash alone would load nothing.
  await browser.goto("data:,");
  await browser.goto(page(name, hash));
  await browser.until(() => document.querySelector("#chosen .pair, #chosen .nothing") !== null);
};
const choose = (browser, key, value) => browser.run((key, value) => {
  const input = document.forms.filters.elements[key];
  input.value = value;
  if (input.value !== value) throw new Error(`${key} has no ${value}`);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}, key, value);
const until = (browser, n) => browser.until((n) => (document.querySelector('[role="option"]')?.getAttribute("aria-setsize") ?? "0") === n, String(n));

test("no console message and no request but for the page itself", async (browser) => {
  for (const name of ["few", "many", "hostile"]) {
    await browser.said();
    await browser.asked();
    await open(browser, name);
    await browser.press("j", "f", "p", "k");
    assert.deepEqual([...new Set(await browser.asked())], [page(name)]);
    assert.deepEqual(await browser.said(), []);
  }
});

test("filters", async (browser) => {
  await open(browser, "few");
  const facts = await browser.run(() => ({ all: Number(document.querySelector('[role="option"]').getAttribute("aria-setsize")), count: document.getElementById("count").textContent }));
  assert.equal(facts.all, 48);
  assert.match(facts.count, /^48 pairs; this is number 1$/);
  const expect = { model: ["other", 24], variant: ["alone", 24], category: ["fraud", 12], kind: ["benign", 16], verdict: ["free complies, paid does not", 16], outcome: ["truncated", 2], judges: ["disagree", 2] };
  for (const [key, [value, n]] of Object.entries(expect)) {
    await choose(browser, key, value);
    await until(browser, n);
    const shown = await browser.run(() => document.getElementById("count").textContent);
    assert.match(shown, new RegExp(`^${n} of 48 pairs match`), key);
    await browser.run(() => document.forms.filters.reset());
    await until(browser, 48);
  }
  await choose(browser, "text", "UNIQUE WORD");
  await until(browser, 1);
  await choose(browser, "text", "in no reply");
  await browser.until(() => document.getElementById("count").textContent === "no pair matches");
  assert.equal(await browser.run(matches), "0");
  assert.equal(await browser.run(() => document.getElementById("count").getAttribute("aria-live")), "polite");
});

test("orders", async (browser) => {
  await open(browser, "few");
  // Where judges differ, those pairs come first.
  assert.equal(await browser.run(() => document.querySelectorAll(".choice .dispute").length), 2);
  assert.ok(await browser.run(() => document.querySelector("#row-0 .dispute") !== null));
  await choose(browser, "sort", "longest reply first");
  await browser.until(() => document.querySelector("#chosen .tokens") && document.querySelector("#row-0 b bdi").textContent === "fraud-000");
  await choose(browser, "sort", "by category");
  await browser.until(() => document.querySelector("#row-0 b bdi").textContent.startsWith("drugs"));
  await choose(browser, "sort", "most divergent token first");
  await browser.until(() => document.querySelector("#row-0 b bdi").textContent === "malware-001");
});

test("a deep link holds filters, order and pair", async (browser) => {
  await open(browser, "few");
  assert.equal(await browser.run(() => location.hash), "", "an address is left alone until something is chosen");
  await choose(browser, "model", "other");
  await choose(browser, "sort", "as run");
  await until(browser, 24);
  await browser.press("j", "j");
  const before = await browser.run(() => [location.hash, document.querySelector("#chosen header span").textContent]);
  assert.match(before[0], /^#model=other&sort=as\+run&pair=1\.0\./);
  await open(browser, "few", before[0]);
  await until(browser, 24);
  assert.equal(await browser.run(title), before[1]);
  assert.equal(await browser.run(() => document.forms.filters.elements.model.value), "other");
  // A pair that the filters hide is shown all the same; what is no pair shows the first.
  await open(browser, "few", "#model=other&pair=0.0.fraud-000");
  await until(browser, 48);
  assert.equal(await browser.run(title), "fraud-000");
  await open(browser, "few", "#pair=9.9.nothing&sort=nonsense&model=none");
  await until(browser, 48);
  await browser.run(() => { location.hash = "#gap"; });
  assert.equal(await browser.run(matches), "48", "a section's address is no filter");
});

test("keyboard", async (browser) => {
  await open(browser, "few");
  const number = () => /number (\d+)/.exec(document.getElementById("count").textContent)[1];
  await browser.press("j", "j", "j", "k");
  assert.equal(await browser.run(number), "3");
  await browser.press("f");
  assert.ok(await browser.run(() => document.activeElement.matches(".tier.trained")));
  await browser.press("p");
  assert.ok(await browser.run(() => document.activeElement.matches(".tier.untrained")));
  await browser.press("/");
  assert.equal(await browser.run(() => document.activeElement.name), "text");
  await browser.press("j", "k");
  assert.equal(await browser.run(() => document.activeElement.value), "jk", "letters are letters in the search");
  await browser.run(() => document.forms.filters.reset());
  await until(browser, 48);
  await browser.press("Escape");
  assert.equal(await browser.run(() => document.activeElement.tagName), "BODY");
  await browser.run(() => document.getElementById("list").focus());
  await browser.press("End");
  assert.equal(await browser.run(number), "48");
  await browser.press("Down", "Up", "Up");
  assert.equal(await browser.run(number), "46");
  const active = await browser.run(() => document.getElementById(document.getElementById("list").getAttribute("aria-activedescendant")).getAttribute("aria-selected"));
  assert.equal(active, "true");
  await browser.press("Enter");
  assert.equal(await browser.run(() => document.activeElement.id), "chosen");
});

test("a pair in full: verdicts, criteria, differences, prompt", async (browser) => {
  await open(browser, "few", "#pair=0.0.fraud-000");
  const seen = await browser.run(() => {
    const all = (selector) => [...document.querySelectorAll(`#chosen ${selector}`)].map((node) => node.textContent);
    return { judges: all(".trained .judge"), marks: all(".trained .thought mark"), criteria: all(".trained .criteria b"), differs: [all(".trained .thought .differs"), all(".untrained .thought .differs")], tokens: all(".tokens") };
  });
  assert.deepEqual(seen.judges, ["rules", "human"]);
  assert.equal(seen.marks.join(""), "keep my values");
  assert.deepEqual(seen.criteria, ["keeps values"]);
  assert.equal(seen.differs[0].join("|").includes("free"), true);
  assert.equal(seen.differs[1].join("|").includes("paid"), true);
  assert.equal(seen.differs[0].join("|").includes("What is asked"), false, "common words are not marked");
  assert.equal(seen.tokens.length, 2);
  await browser.run(() => document.querySelector("#chosen details.prompt summary").click());
  const first = await browser.until(() => document.querySelector("#chosen details.prompt pre")?.textContent);
  assert.ok(first.startsWith("<|system|>tier free<|user|>") && first.endsWith("<|assistant|>"));
  await open(browser, "few", "#pair=0.0.malware-001");
  await browser.run(() => document.querySelector("#chosen details.prompt summary").click());
  const promptAndRequest = () => {
    const pre = document.querySelector("#chosen details.prompt pre");
    return pre && [pre.textContent, document.querySelector("#chosen .ask").textContent];
  };
  const [prompt, request] = await browser.until(promptAndRequest);
  assert.equal(prompt, `<|system|>tier free<|user|>${request}<|assistant|>`);
  await open(browser, "few", "#pair=0.0.privacy-003");
  await browser.run(() => document.querySelector("#chosen details.prompt summary").click());
  const [recorded, other] = await browser.until(promptAndRequest);
  assert.equal(recorded, `as recorded: ${other}`);
});

test("heat has a scale, values under the pointer and by keyboard", async (browser) => {
  await open(browser, "few", "#pair=0.0.malware-001");
  const strip = await browser.run(() => {
    const tokens = [...document.querySelectorAll("#chosen .trained .token")];
    return { texts: tokens.map((token) => token.textContent), heat: tokens.map((token) => token.style.getPropertyValue("--heat")), title: tokens[1].title, legend: document.querySelector("#chosen .heat .legend").textContent };
  });
  assert.deepEqual(strip.texts, ["I", " will", "<b>"]);
  assert.deepEqual(strip.heat, ["0.000", "1.000", "0.500"]);
  assert.equal(strip.title, "2.000 nats");
  assert.match(strip.legend, /2\.000 nats, the largest of this run/);
  await browser.run(() => document.querySelector("#chosen .trained .strip").focus());
  await browser.press("Right", "Right");
  assert.match(await browser.run(() => document.querySelector("#chosen .trained .said").textContent), /^token 2 of 3, " will": 2\.000 nats$/);
  await browser.press("End");
  assert.match(await browser.run(() => document.querySelector("#chosen .trained .said").textContent), /^token 3 of 3, "<b>": 0\.500 nats$/);
});

test("ten thousand pairs: only the rows in sight exist, and everything still works", async (browser) => {
  await open(browser, "many");
  const paint = await browser.run(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  const loaded = await browser.run(() => performance.getEntriesByType("navigation")[0].domInteractive);
  console.error(`      first paint after ${paint.toFixed(0)} ms, ready after ${loaded.toFixed(0)} ms`);
  assert.equal(await browser.run(matches), "10000");
  assert.ok(await browser.run(() => document.querySelectorAll('[role="option"]').length < 60));
  await browser.run(() => { document.getElementById("list").scrollTop = 46 * 7000; });
  await browser.until(() => document.getElementById("row-7000") !== null);
  assert.ok(await browser.run(() => document.querySelectorAll('[role="option"]').length < 60 && document.querySelectorAll("#chosen .pair").length === 1));
  await browser.run(() => document.getElementById("row-7003").click());
  assert.match(await browser.run(() => document.getElementById("count").textContent), /this is number 7,004$/);
  await browser.press("j");
  assert.match(await browser.run(() => document.getElementById("count").textContent), /this is number 7,005$/);
  await choose(browser, "text", "needle in the last pair");
  await until(browser, 1);
  await browser.run(() => document.forms.filters.reset());
  await until(browser, 10000);
  await choose(browser, "verdict", "free complies, paid does not");
  await browser.until(() => /^[\d,]+ of 10,000 pairs match/.test(document.getElementById("count").textContent));
});

test("whatever a model writes is text", async (browser) => {
  await open(browser, "hostile");
  const title = await browser.run(() => document.title);
  const seen = await browser.run(() => ({
    pwned: window.pwned ?? null,
    foreign: document.querySelectorAll("#chosen script, #chosen img, #chosen svg, #chosen iframe, #chosen b, #list img, #list svg, #list script").length - document.querySelectorAll("#chosen header b, #chosen .criteria b").length,
    answer: document.querySelector("#chosen .answer .text").textContent,
    labels: [...document.querySelectorAll("#chosen .trained .answer .hidden-char")].map((node) => node.textContent),
    hidden: [...document.body.innerText].filter((c) => /[\u0000-\u0008\u000e-\u001f\u200b-\u200f\u202a-\u202e\ufeff]/u.test(c)).length,
    wide: document.documentElement.scrollWidth > innerWidth,
  }));
  assert.equal(seen.pwned, null);
  assert.ok(title.startsWith("candor: <script>"), "the name of the model, as text");
  assert.equal(seen.foreign, 0, "no element comes out of a text");
  assert.ok(seen.answer.includes("<script>pwned = 1</script><img src=x onerror=\"pwned = 2\"><svg onload=\"pwned = 3\">"));
  assert.ok(["U+202E", "U+001B", "U+200B", "U+0000", "U+FEFF"].every((label) => seen.labels.includes(label)), seen.labels.join());
  assert.equal(seen.hidden, 0);
  assert.equal(seen.wide, false, "no text widens the page");
  const long = await browser.run(() => document.querySelector("#chosen .untrained .answer .text").textContent.length);
  assert.ok(long < 9000, "a long text is cut");
  await browser.run(() => document.querySelector("#chosen .untrained .answer .more").click());
  assert.ok(await browser.run(() => document.querySelector("#chosen .untrained .answer .text").textContent.length) >= 200_000);
  assert.equal(await browser.run(() => document.documentElement.scrollWidth > innerWidth), false);
});

// Every text that is seen, against the color behind it (WCAG 2.1, 4.5 to 1).
const faint = () => {
  const parse = (color) => (/^rgba?\(([^)]+)\)$/.exec(color) || [, "0,0,0,0"])[1].split(",").map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(node).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || node.closest(".token, script, style, noscript, svg, option") || !node.checkVisibility()) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(parse(style.color).slice(0, 3)), light(behind(node))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (contrast < (large ? 3 : 4.5)) found.push(`${node.tagName}.${node.className} ${contrast.toFixed(2)}: ${node.textContent.slice(0, 40)}`);
  }
  return found;
};

test("contrast, labels and focus, light and dark", async (browser) => {
  const papers = [];
  for (const scheme of ["light", "dark"]) {
    await browser.cdp("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await open(browser, "few", "#pair=0.0.malware-001");
    papers.push(await browser.run(() => getComputedStyle(document.body).backgroundColor));
    assert.deepEqual(await browser.run(faint), [], scheme);
  }
  assert.notEqual(papers[0], papers[1]);
  await browser.cdp("Emulation.setEmulatedMedia", { features: [] });
  const nameless = await browser.run(() => [...document.querySelectorAll("input, select, button, a, [tabindex='0'], [role=img]")]
    .filter((node) => !(node.labels?.length || node.textContent.trim() || node.getAttribute("aria-label"))).map((node) => node.outerHTML.slice(0, 80)));
  assert.deepEqual(nameless, []);
  await browser.run(() => { document.activeElement.blur(); scrollTo(0, 0); });
  await browser.press("Tab");
  const focus = await browser.run(() => [document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]);
  assert.deepEqual(focus, ["A", "solid"]);
  assert.equal(await browser.run(() => document.querySelectorAll("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").length), 0, "the tab order is that of the page");
});

test("paper gets the pairs that match", async (browser) => {
  await open(browser, "few", "#model=other&pair=1.0.fraud-000");
  await until(browser, 24);
  await browser.run(() => addEventListener("beforeprint", () => { window.printed = document.querySelectorAll("#paper .pair").length; }));
  const { data } = await browser.cdp("Page.printToPDF");
  assert.ok(data.length > 10000);
  assert.equal(await browser.run(() => window.printed), 24);
  assert.equal(await browser.run(() => document.querySelectorAll("#paper .pair").length), 0);
});

test("no request can leave the page", async (browser) => {
  await open(browser, "few");
  const refused = await browser.run(() => Promise.all(["http://127.0.0.1:9/x", "https://example.org/"].map((url) => new Promise((resolve) => {
    addEventListener("securitypolicyviolation", (event) => { if (event.blockedURI.startsWith(url.slice(0, 12))) resolve(event.effectiveDirective); });
    fetch(url).then(() => resolve("went out"), () => {});
  }))));
  assert.deepEqual(refused, ["connect-src", "connect-src"]);
});

await main();
