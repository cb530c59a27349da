// The page of runs that differ in their seeds and in their sampling, as the binary wrote it. Argument: the page.

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { main, test } from "./driver.mjs";

const page = pathToFileURL(process.argv[2]).href;

test("every pair is there, and can be chosen by what the runs differ in", async (browser) => {
  await browser.goto(page);
  await browser.until(() => document.querySelector("#chosen .pair") !== null);
  assert.deepEqual(await browser.said(), []);
  assert.equal(await browser.run(() => document.getElementById("trouble").hidden), true);
  const seen = await browser.run(() => ({
    all: document.querySelector('[role="option"]').getAttribute("aria-setsize"),
    seeds: [...document.forms.filters.elements.seed.options].map((option) => option.value),
    temperatures: [...document.forms.filters.elements.temperature.options].map((option) => option.value),
    pooled: [...document.querySelectorAll("#gap .figure > .row .who small")].map((node) => node.textContent),
    members: document.querySelectorAll("#gap details.members .row").length,
    open: document.querySelector("#gap details.members").open,
    headline: document.querySelector("h1").textContent,
  }));
  assert.equal(seen.all, "12");
  assert.deepEqual(seen.seeds, ["", "0", "18446744073709551615"], "no digit of a seed is lost");
  assert.deepEqual(seen.temperatures, ["", "0.5", "1"]);
  assert.ok(seen.pooled.some((words) => words.includes("seeds 0, 18446744073709551615 pooled")), seen.pooled.join("|"));
  assert.deepEqual([seen.members, seen.open], [2, false]);
  assert.match(seen.headline, /of 2 settings|not measured/);
  await browser.run(() => document.querySelector("#gap details.members summary").click());
  assert.ok(await browser.run(() => document.querySelector("#gap details.members .row").checkVisibility()));
  await browser.run(() => {
    document.forms.filters.elements.seed.value = "18446744073709551615";
    document.forms.filters.elements.seed.dispatchEvent(new Event("input", { bubbles: true }));
  });
  await browser.until(() => document.querySelector('[role="option"]')?.getAttribute("aria-setsize") === "4");
});

await main();
