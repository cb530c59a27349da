// Makes a picture of a page as it opens, light: node tests/browser/screenshot.mjs PAGE.html OUT.png [#HASH [light|dark [WIDTH HEIGHT]]]
// The README's picture: candor demo, then candor-demo/report.html and src/report/demo.png.

import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Browser } from "./driver.mjs";

const [, , page, out, hash = "", scheme = "light", width = "1240", height = "1280"] = process.argv;
const browser = await Browser.open();
try {
  await browser.cdp("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  await browser.cdp("Emulation.setDeviceMetricsOverride", { width: Number(width), height: Number(height), deviceScaleFactor: 1, mobile: false });
  await browser.cdp("Emulation.setScrollbarsHidden", { hidden: true });
  await browser.goto(pathToFileURL(page).href + hash);
  await browser.until(() => document.querySelector("#chosen .pair") !== null);
  // A section of the page is brought to the top; another hash is the page's own affair.
  await browser.until((id) => { document.getElementById(id)?.scrollIntoView({ behavior: "instant" }); return true; }, hash.slice(1));
  const { data } = await browser.cdp("Page.captureScreenshot", { format: "png" });
  writeFileSync(out, Buffer.from(data, "base64"));
} finally {
  await browser.close();
}
