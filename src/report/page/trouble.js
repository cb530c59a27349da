// An error of this page's scripts is shown in a bar, with what still holds. Stands in a script of its own, before the
// others: it works where these do not even parse.
"use strict";
{
  const told = new Set();
  const tell = (message) => {
    const bar = document.getElementById("trouble");
    const words = String(message).slice(0, 300);
    if (!bar || told.has(words)) return;
    told.add(words);
    const line = document.createElement("p");
    line.textContent = `This page has an error, and some of it does not work: ${words}. The numbers above the pairs need no script and hold; please report this with the version at the foot of the page.`;
    bar.append(line);
    bar.hidden = false;
  };
  addEventListener("error", (event) => {
    const place = event.lineno ? ` (line ${event.lineno})` : "";
    tell((event.error && event.error.message || event.message || "an unknown error") + place);
  });
  addEventListener("unhandledrejection", (event) => tell(event.reason && event.reason.message || event.reason));
}
