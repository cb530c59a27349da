// What the weights say about a reply, token by token, as a strip of darker and lighter tokens. The values come from
// `candor probe`; a reader without a pointer walks along them with the arrow keys.

// How dark a token is: its share of the largest value of its run, as a square root, so that small values show.
const darkness = (nats, most) => (most > 0 && nats > 0 ? Math.sqrt(Math.min(nats / most, 1)) : 0);
const nats = (value) => (value === null ? "undefined" : `${value.toFixed(3)} nats`);

const heatOf = (tokens, most, tier) => {
  const box = el("div", "part heat");
  box.append(el("h4", "", "how far the next token's distribution moves when the tier is exchanged"));
  const strip = el("div", "strip");
  strip.tabIndex = 0;
  strip.setAttribute("role", "group");
  strip.setAttribute("aria-label", `Divergence by token, tier ${oneLine(tier)}: arrow keys go from token to token`);
  const nodes = tokens.map(([text, value]) => {
    const node = spell(el("span", "token"), text);
    node.style.setProperty("--heat", darkness(value, most).toFixed(3));
    node.title = nats(value);
    strip.append(node);
    return node;
  });
  const legend = el("p", "legend");
  const scale = el("span", "scale");
  scale.setAttribute("aria-hidden", "true");
  const top = tokens.map((token, i) => [token[1], i]).sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, 3);
  legend.append("0 ", scale, ` ${nats(most)}, the largest of this run. Most here: `);
  top.forEach(([value, i], place) => {
    if (place) legend.append(", ");
    legend.append(isolated(JSON.stringify(tokens[i][0])), ` ${nats(value)}`);
  });
  const said = el("output", "said");
  said.setAttribute("aria-live", "polite");
  let at = -1;
  const show = (to) => {
    if (at >= 0) nodes[at].classList.remove("here");
    at = Math.min(Math.max(to, 0), nodes.length - 1);
    nodes[at].classList.add("here");
    said.replaceChildren(`token ${grouped(at + 1)} of ${grouped(nodes.length)}, `, isolated(JSON.stringify(tokens[at][0])), `: ${nats(tokens[at][1])}`);
  };
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10, Home: -Infinity, End: Infinity };
  strip.addEventListener("keydown", (event) => {
    if (!(event.key in steps) || !nodes.length) return;
    event.preventDefault();
    event.stopPropagation();
    show(at + steps[event.key]);
  });
  strip.addEventListener("pointerover", (event) => {
    const i = nodes.indexOf(event.target.closest(".token"));
    if (i >= 0) show(i);
  });
  box.append(strip, legend, said);
  return box;
};
