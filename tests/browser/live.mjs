// The page that `candor view` serves, while its run goes on. Arguments: the address, the run folder as it is when the
// run has come so far, the same folder when it has finished.

import assert from "node:assert/strict";
import { appendFileSync, copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { main, test } from "./driver.mjs";

const [, , url, run, finished] = process.argv;
const lines = (folder) => readFileSync(join(folder, "journal.jsonl"), "utf8").trimEnd().split("\n");

test("a run under way is followed to its end, and only its own origin is asked", async (browser) => {
  await browser.goto(url);
  await browser.until(() => document.querySelector("#chosen .pair") !== null);
  const progress = () => document.getElementById("progress").textContent;
  assert.equal(await browser.run(progress), "running, 10 of 24 trials");
  assert.match(await browser.run(() => document.querySelector("#gap .who").textContent), /running, 10 of 24 trials/);
  await browser.run(() => { document.forms.filters.elements.kind.value = "harmful"; document.forms.filters.elements.kind.dispatchEvent(new Event("input", { bubbles: true })); });
  await browser.press("j");
  const chosen = await browser.run(() => document.querySelector("#chosen header span").textContent);
  appendFileSync(join(run, "journal.jsonl"), lines(finished).slice(10, 16).map((line) => `${line}\n`).join(""));
  await browser.until(() => document.getElementById("progress").textContent === "running, 16 of 24 trials");
  await browser.until(() => /running, 16 of 24 trials/.test(document.querySelector("#gap .who").textContent));
  assert.equal(await browser.run(() => document.querySelector("#chosen header span").textContent), chosen, "the pair stays");
  assert.equal(await browser.run(() => document.forms.filters.elements.kind.value), "harmful", "the filter stays");
  for (const name of ["transcripts.jsonl", "seal.json"]) copyFileSync(join(finished, name), join(run, name));
  await browser.until(() => document.getElementById("progress").hidden && !/running/.test(document.getElementById("gap").textContent));
  assert.equal(await browser.run(() => document.querySelector('[role="option"]').getAttribute("aria-setsize")), "12");
  const asked = new Set(await browser.asked());
  assert.deepEqual([...asked].sort(), [url, `${url}state`]);
  assert.deepEqual(await browser.said(), []);
});

await main();
