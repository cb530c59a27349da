// For the page that `candor view` serves: asks its own origin how far the runs are, and takes over what is new. Filters,
// order, pair and open sections stay.

const ASK_MS = 2000;
// A page takes time to make and to read: what is new is taken over at most every so often, and no more than a tenth of the time.
const RENEW_MS = 5000;
let renewAt = 0;
const RENEWED = ["headline", "claims", "gap", "matrix", "numbers", "outcomes", "judges", "prompts", "repeat"];
const progress = document.getElementById("progress");
let version = progress.dataset.version;

const renew = async () => {
  const fresh = new DOMParser().parseFromString(await (await fetch("./", { cache: "no-store" })).text(), "text/html");
  const open = new Set([...document.querySelectorAll("main > section details[open]:not(.prompt) > summary")].map((node) => node.textContent));
  for (const id of RENEWED) {
    const [there, here] = [document.getElementById(id), fresh.getElementById(id)];
    if (there && here) there.replaceWith(document.adoptNode(here));
  }
  for (const summary of document.querySelectorAll("main > section details > summary")) {
    if (open.has(summary.textContent)) summary.parentNode.open = true;
  }
  offerCopies(document);
  const pair = load(island(fresh, "data"), island(fresh, "lines"));
  await filter({ pair });
};

const ask = async () => {
  try {
    const state = await (await fetch("./state", { cache: "no-store" })).json();
    progress.textContent = state.progress;
    progress.hidden = state.progress === "";
    const now = performance.now();
    if (state.version !== version && now >= renewAt) {
      await renew();
      version = state.version;
      renewAt = performance.now() + Math.max(RENEW_MS, 9 * (performance.now() - now));
    }
  } catch {
    progress.textContent = "candor view does not answer any more; what is shown stays";
    progress.hidden = false;
  }
  setTimeout(ask, ASK_MS);
};
setTimeout(ask, ASK_MS);
