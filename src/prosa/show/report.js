// Draws the plots of the language shown, in the colours of the scheme in force, and switches languages.
(() => {
  "use strict";
  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const narrow = matchMedia("(max-width: 600px)");

  // A figure with every "var(--name)" replaced by that variable's value now.
  function coloured(value, style) {
    if (typeof value === "string") {
      const found = /^var\((--[\w-]+)\)$/.exec(value);
      return found ? style.getPropertyValue(found[1]).trim() : value;
    }
    if (Array.isArray(value)) {
      const numbers = typeof value[0] === "number" && typeof value.at(-1) !== "string"; // a colour stop is [0, "var(--x)"]
      return numbers ? value : value.map((item) => coloured(item, style));
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, style)]));
    }
    return value;
  }

  function draw() {
    const style = getComputedStyle(root);
    for (const place of document.querySelectorAll(`main[lang="${root.dataset.lang}"] .plot`)) {
      const change = (window.changes || {})[place.id.split("_plot_")[1]]; // another script's choice of what is shown
      const { data, layout } = coloured(change ? change(figures[place.id]) : figures[place.id], style);
      layout.dragmode = touch ? false : "zoom"; // on a phone a finger scrolls the page
      if (narrow.matches) {
        layout.font.size = 11;
        for (const note of layout.annotations || []) note.font.size = 10.5;
        if (layout.margin.r > 100) layout.margin.r = 88;
      }
      const zoom = layout.meta && layout.meta.zoom; // buttons, since on a phone a finger scrolls
      const bar = { displayModeBar: true, displaylogo: false, modeBarButtons: [["zoomIn2d", "zoomOut2d", "resetScale2d"]] };
      Plotly.react(place, data, layout, { responsive: true, ...(zoom ? bar : { displayModeBar: false }) });
    }
    dispatchEvent(new Event("drawn"));
  }

  function speak(lang) {
    // Stay at the section being read.
    const sections = [...document.querySelectorAll(`main[lang="${root.dataset.lang}"] section`)];
    const here = sections.filter((section) => section.getBoundingClientRect().top <= 80).pop();
    const offset = here && here.getBoundingClientRect().top;
    root.dataset.lang = root.lang = lang;
    for (const button of document.querySelectorAll(".language button")) {
      button.setAttribute("aria-pressed", String(button.lang === lang));
    }
    draw();
    if (here) {
      const there = document.getElementById(lang + here.id.slice(here.id.indexOf("_")));
      scrollBy({ top: there.getBoundingClientRect().top - offset, behavior: "instant" });
    }
  }

  for (const button of document.querySelectorAll(".language button")) {
    button.addEventListener("click", () => speak(button.lang));
  }
  dark.addEventListener("change", draw);
  narrow.addEventListener("change", draw);
  addEventListener("redraw", draw);
  addEventListener("beforeprint", () => { root.classList.add("printing"); draw(); });
  addEventListener("afterprint", () => { root.classList.remove("printing"); draw(); });
  draw();
})();
