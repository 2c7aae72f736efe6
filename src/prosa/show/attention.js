// The heads of the attention page: small pictures to choose from, and the chosen one large, between words or tokens.
(() => {
  "use strict";
  const shared = JSON.parse(document.getElementById("shared").textContent);
  const state = { level: "words", layer: 0, head: 0 };
  const all = (selector) => document.querySelectorAll(selector);

  // "#rrggbb" of the CSS variables that colour shares, as [r, g, b].
  function colours() {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => [1, 3, 5].map((i) => parseInt(style.getPropertyValue(name).trim().slice(i, i + 2), 16));
    return { heat: [0, 1, 2, 3, 4].map((i) => read(`--heat-${i}`)), masked: read("--masked") };
  }

  // A row a token that looks; what comes after it is masked.
  function paint(canvas, rows, { heat, masked }) {
    const n = rows.length;
    canvas.width = canvas.height = n;
    const context = canvas.getContext("2d");
    const image = context.createImageData(n, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let colour = masked;
        if (j <= i) { // by the root of the weight, as in the large picture
          const at = 4 * Math.sqrt(rows[i][j] / shared.scale), low = Math.min(3, Math.floor(at));
          colour = heat[low].map((value, c) => value + (at - low) * (heat[low + 1][c] - value));
        }
        image.data.set([...colour, 255], 4 * (i * n + j));
      }
    }
    context.putImageData(image, 0, 0);
  }

  function thumbnails() {
    const found = colours();
    for (const button of all(".heads button")) {
      const { layer, head } = button.dataset;
      paint(button.firstElementChild, shared[state.level].weights[layer][head], found);
      button.setAttribute("aria-pressed", String(Number(layer) === state.layer && Number(head) === state.head));
    }
    for (const title of all(".chosen")) {
      const main = title.closest("main");
      title.textContent = main.querySelector(".heads [aria-pressed=true]").getAttribute("aria-label");
    }
    for (const input of all(".choices input")) input.checked = input.value === state.level;
  }

  window.changes = {
    attention(figure) {
      const { labels, weights } = shared[state.level];
      const rows = weights[state.layer][state.head];
      const z = rows.map((row) => [...row.map((value) => value / shared.scale), ...Array(labels.length - row.length).fill(null)]);
      const text = labels.map((who) => labels.map((what) => `${who} → ${what}`.replaceAll("<", "&lt;")));
      const ticks = { tickmode: "array", tickvals: labels.map((_, i) => i), ticktext: labels.map((l) => l.replaceAll("<", "&lt;")) };
      const { data, layout } = figure;
      return {
        data: [{ ...data[0], z, text }],
        layout: { ...layout, xaxis: { ...layout.xaxis, ...ticks }, yaxis: { ...layout.yaxis, ...ticks } },
      };
    },
  };

  function choose(change) {
    Object.assign(state, change);
    dispatchEvent(new Event("redraw"));
  }

  for (const button of all(".heads button")) {
    button.addEventListener("click", () => choose({ layer: Number(button.dataset.layer), head: Number(button.dataset.head) }));
  }
  for (const input of all(".choices input")) {
    input.addEventListener("change", () => choose({ level: input.value }));
  }
  addEventListener("drawn", thumbnails);
})();
