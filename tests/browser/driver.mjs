// Chromium through Debian's chromedriver, with nothing but Node's own fetch: the parts of WebDriver that the tests use.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const SWITCHES = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,900",
];
const KEYS = { Enter: "\uE007", Escape: "\uE00C", End: "\uE010", Home: "\uE011", Left: "\uE012", Up: "\uE013", Right: "\uE014", Down: "\uE015", Tab: "\uE004" };

export class Browser {
  static async open() {
    const profile = mkdtempSync(join(tmpdir(), "candor-browser-"));
    const driver = spawn("chromedriver", ["--port=0"], { stdio: ["ignore", "pipe", "ignore"] });
    const port = await new Promise((resolve, reject) => {
      driver.on("error", reject);
      driver.on("exit", () => reject(new Error("chromedriver has ended")));
      createInterface({ input: driver.stdout }).on("line", (line) => {
        const found = /started successfully on port (\d+)/.exec(line);
        if (found) resolve(found[1]);
      });
    });
    const browser = new Browser();
    Object.assign(browser, { profile, driver, base: `http://127.0.0.1:${port}`, session: "" });
    const options = { args: [...SWITCHES, `--user-data-dir=${profile}`], binary: process.env.CHROMIUM || "/usr/bin/chromium" };
    const capabilities = {
      browserName: "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { browser: "ALL", performance: "ALL" },
      timeouts: { script: 120000, pageLoad: 120000 },
    };
    const { sessionId } = await browser.post("/session", { capabilities: { alwaysMatch: capabilities } });
    browser.session = `/session/${sessionId}`;
    return browser;
  }

  async call(method, path, body) {
    const response = await fetch(this.base + path, { method, body: body && JSON.stringify(body) });
    const { value } = await response.json();
    if (value && value.error) throw new Error(`${path}: ${value.error}: ${value.message.split("\n")[0]}`);
    return value;
  }
  post(path, body) { return this.call("POST", path, body); }

  goto(url) { return this.post(`${this.session}/url`, { url }); }
  reload() { return this.post(`${this.session}/refresh`, {}); }
  // Runs a function in the page; it sees its arguments and nothing else of here.
  run(f, ...args) { return this.post(`${this.session}/execute/sync`, { script: `return (${f})(...arguments)`, args }); }
  // Waits until a function in the page gives something true, looking at every frame.
  until(f, ...args) {
    const script = `const done = arguments[arguments.length - 1], given = [...arguments].slice(0, -1);
      const look = () => { const value = (${f})(...given); if (value) done(value); else requestAnimationFrame(look); }; look();`;
    return this.post(`${this.session}/execute/async`, { script, args }).catch((error) => {
      throw new Error(`${f} has not become true: ${error.message}`);
    });
  }
  async press(...keys) {
    const actions = keys.flatMap((key) => ["keyDown", "keyUp"].map((type) => ({ type, value: KEYS[key] || key })));
    await this.post(`${this.session}/actions`, { actions: [{ type: "key", id: "keyboard", actions }] });
  }
  cdp(cmd, params = {}) { return this.post(`${this.session}/goog/cdp/execute`, { cmd, params }); }
  log(type) { return this.post(`${this.session}/se/log`, { type }); }

  // Whatever the console said, and every address that a page asked for, since the last time. The browser's own pages and
  // what a page carries in itself are no requests.
  async said() { return (await this.log("browser")).map((entry) => entry.message); }
  async asked() {
    const events = (await this.log("performance")).map((entry) => JSON.parse(entry.message).message);
    return events.filter((event) => event.method === "Network.requestWillBeSent").map((event) => event.params.request.url).filter((url) => !/^(chrome|data):/.test(url));
  }

  async close() {
    await this.call("DELETE", this.session).catch(() => {});
    this.driver.removeAllListeners("exit");
    this.driver.kill();
    rmSync(this.profile, { recursive: true, force: true });
  }
}

// The tests of a file, one after the other; each failure is told, and ends the program with 1.
export const tests = [];
export const test = (name, run) => tests.push({ name, run });
export const main = async () => {
  const browser = await Browser.open();
  let failed = 0;
  try {
    for (const { name, run } of tests) {
      try {
        await run(browser);
        console.error(`ok    ${name}`);
      } catch (error) {
        failed += 1;
        console.error(`FAIL  ${name}\n      ${error.stack}`);
      }
    }
  } finally {
    await browser.close();
  }
  console.error(`${tests.length - failed} of ${tests.length} passed`);
  process.exitCode = failed || !tests.length ? 1 : 0;
};
