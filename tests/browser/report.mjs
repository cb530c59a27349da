// The report's page in a real browser, from disk. The pages in the folder given are made by tests/browser.rs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
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

// What the script reads, as the page's data must have it: each key with its type, lists by their first element.
const SHAPE = {
  hidden: [["number"]], outcomes: ["string"],
  runs: [{ model: "string", samples: "number", detail: "string", judges: ["string"], heat: "number",
    tiers: [{ name: "string", label: "string", trained_on: "boolean" }], prompts: [{ tier: "string", parts: ["string"], others: "object" }] }],
  facets: [{ name: "string", values: ["string"] }],
  requests: [{ id: "string", category: "string", harmful: "boolean", text: "string" }],
  pairs: "object",
};
const misfits = (value, shape, at) => {
  if (typeof shape === "string") return typeof value === shape ? [] : [`${at} is ${typeof value}, not ${shape}`];
  if (Array.isArray(shape)) return Array.isArray(value) ? value.flatMap((item, i) => misfits(item, shape[0], `${at}[${i}]`)) : [`${at} is no list`];
  const extra = Object.keys(value).filter((key) => !(key in shape)).map((key) => `${at}.${key} is not expected`);
  return [...extra, ...Object.entries(shape).flatMap(([key, inner]) => (key in value ? misfits(value[key], inner, `${at}.${key}`) : [`${at}.${key} is missing`]))];
};

test("the data have one shape, whatever the runs are", async (browser) => {
  for (const name of ["few", "hostile", "settings"]) {
    await open(browser, name);
    const data = JSON.parse(await browser.run(() => document.getElementById("data").textContent));
    assert.deepEqual(misfits(data, SHAPE, name), []);
    assert.ok(data.facets.every(({ values }) => values.length === data.runs.length));
    const cells = data.pairs.flatMap((pair) => [...pair.slice(0, 3), ...pair[3].filter(Boolean).flat()]);
    assert.ok(data.pairs.every((pair) => pair.length === 4) && cells.every(Number.isInteger) || name !== "settings", name);
  }
});

test("twelve runs that differ in everything: names, filters, one row for the seeds", async (browser) => {
  await open(browser, "settings");
  assert.deepEqual(await browser.said(), []);
  assert.ok(await browser.run(() => document.getElementById("trouble").hidden));
  const keys = await browser.run(() => [...document.forms.filters.elements].map((input) => input.name).filter(Boolean));
  for (const key of ["model", "quantize", "scenario", "variant", "temperature", "seed", "run"]) assert.ok(keys.includes(key), `${key} of ${keys}`);
  // Every filter finds what it says.
  for (const key of ["model", "quantize", "scenario", "variant", "temperature", "seed", "run", "kind", "category", "verdict", "judges", "outcome"]) {
    const options = await browser.run((key) => [...document.forms.filters.elements[key].options].map((option) => option.value).slice(1), key);
    for (const option of options) {
      await choose(browser, key, option);
      // Two frames later the list is the one of the filter; some options are those of all pairs.
      const found = await browser.run(() => new Promise((done) => {
        requestAnimationFrame(() => requestAnimationFrame(() => done(parseInt(document.getElementById("count").textContent, 10))));
      }));
      // What runs differ in is there; of the kinds of verdicts and outcomes some may be nobody's.
      const least = ["kind", "category", "verdict", "judges", "outcome"].includes(key) ? 0 : 1;
      assert.ok((found || 0) >= least && (found || 0) <= 72, `${key} ${option}: ${found}`);
    }
    await browser.run(() => document.forms.filters.reset());
    await until(browser, 72);
  }
  assert.deepEqual(await browser.said(), []);
  const titles = await browser.run(() => [...document.querySelectorAll("#prompts summary")].map((node) => node.textContent));
  assert.equal(new Set(titles).size, 12, titles.join("\n"));
  assert.ok(titles.some((title) => title.includes("in x/one")));
  const tables = await browser.run(() => [...document.querySelectorAll("#numbers > .scroll")].map((node) => [node.scrollWidth - node.clientWidth, node.querySelectorAll("thead th").length - 1]));
  assert.equal(tables.reduce((sum, [, columns]) => sum + columns, 0), 13, "twelve runs and the seeds together");
  assert.ok(tables.every(([over, columns]) => columns <= 6 && over <= 0), `at 1280 pixels no table of numbers is wider than the page: ${tables}`);
});

test("a phone and paper show the twelve runs too", async (browser) => {
  await browser.cdp("Emulation.setDeviceMetricsOverride", { width: 390, height: 844, deviceScaleFactor: 2, mobile: true });
  await open(browser, "settings");
  assert.equal(await browser.run(() => document.documentElement.scrollWidth > innerWidth), false, "the page is no wider than the phone");
  const cut = await browser.run(() => [...document.querySelectorAll("#numbers tbody th[scope=row]")].filter((node) => node.scrollWidth > node.clientWidth + 1).length);
  assert.equal(cut, 0);
  await browser.cdp("Emulation.clearDeviceMetricsOverride");
  await browser.cdp("Emulation.setEmulatedMedia", { media: "print" });
  const wide = await browser.run(() => [...document.querySelectorAll("#numbers table")].map((node) => node.getBoundingClientRect().right - document.body.getBoundingClientRect().right));
  assert.ok(wide.every((over) => over <= 1), `${wide}`);
  await browser.cdp("Emulation.setEmulatedMedia", { media: "" });
});

test("an error of the script is shown on the page", async (browser) => {
  for (const name of ["broken", "unreadable"]) {
    await browser.goto("data:,");
    await browser.goto(page(name));
    const words = await browser.until(() => { const bar = document.getElementById("trouble"); return !bar.hidden && bar.textContent; });
    assert.match(words, /This page has an error/);
    assert.ok(await browser.run(() => document.getElementById("trouble").checkVisibility()));
    await browser.said();
  }
});

// What axe-core finds on the page, light and dark, on a screen and on a phone, where `CANDOR_TEST_AXE` names its script.
test("axe has no findings", async (browser) => {
  if (!process.env.CANDOR_TEST_AXE) return;
  const script = readFileSync(process.env.CANDOR_TEST_AXE, "utf8");
  for (const name of ["few", "settings"]) {
    for (const scheme of ["light", "dark"]) {
      for (const width of [1280, 390]) {
        await browser.cdp("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
        await browser.cdp("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: width < 1000 });
        await open(browser, name);
        await browser.post(`${browser.session}/execute/sync`, { script, args: [] });
        const look = `const done = arguments[0];
          const told = ({ id, nodes }) => [id, nodes.map((node) => node.target.join(" ")).slice(0, 3), nodes[0].failureSummary].join(": ");
          axe.run(document).then(({ violations, passes }) => done({ found: violations.map(told), held: passes.length }), (error) => done({ found: [String(error)] }));`;
        const { found, held } = await browser.post(`${browser.session}/execute/async`, { script: look, args: [] });
        assert.deepEqual(found, [], `${name}, ${scheme}, ${width}`);
        assert.ok(held > 20, `${held} rules were looked at`);
      }
    }
  }
  await browser.cdp("Emulation.clearDeviceMetricsOverride");
  await browser.cdp("Emulation.setEmulatedMedia", { media: "", features: [] });
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
  assert.equal(await browser.run(() => [...CSS.highlights.get("found")].map(String).join().toLowerCase()), "unique word", "it is shown in the transcript");
  await choose(browser, "text", "in no reply");
  await browser.until(() => document.getElementById("count").textContent === "no pair matches");
  assert.equal(await browser.run(matches), "0");
  assert.equal(await browser.run(() => document.getElementById("count").getAttribute("aria-live")), "polite");
});

test("orders", async (browser) => {
  await open(browser, "few");
  // What is first to look at comes first: where judges differ, then where only the free tier complied.
  assert.equal(await browser.run(() => document.forms.filters.elements.sort.value), "first to look at");
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

test("a pair as JSON, to be copied", async (browser) => {
  await open(browser, "few", "#pair=0.0.fraud-000");
  const record = JSON.parse(await browser.run(() => {
    const box = [...document.querySelectorAll("#chosen details")].at(-1);
    box.open = true;
    box.dispatchEvent(new Event("toggle"));
    return box.querySelector("pre").textContent;
  }));
  assert.equal(record.request.id, "fraud-000");
  assert.equal(record.sample, 0);
  const [first] = Object.values(record.tiers);
  assert.ok(first.answer.length > 0 && Object.keys(first.verdicts).length > 1, JSON.stringify(first));
  await open(browser, "hostile");
  const hostile = await browser.run(() => {
    const box = [...document.querySelectorAll("#chosen details")].at(-1);
    box.open = true;
    box.dispatchEvent(new Event("toggle"));
    return box.querySelector("pre").textContent;
  });
  assert.doesNotMatch(hostile, /[\u202e\u200b\u2066]/, "no hidden character is copied as such");
  assert.ok(JSON.parse(hostile).tiers);
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
