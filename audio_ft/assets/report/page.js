"use strict";
// The page works without this script. It adds the choice of the theme, filters, sorting, and plays one player at a time.
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  const toggle = document.querySelector(".theme");
  const themes = ["auto", "light", "dark"];
  const stored = () => { try { return localStorage.getItem("audio-ft-theme"); } catch { return null; } };
  const store = (theme) => { try { localStorage.setItem("audio-ft-theme", theme); } catch { /* a private window */ } };
  const apply = (theme) => {
    if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme;
    toggle.textContent = { auto: "◐ Auto", light: "○ Light", dark: "● Dark" }[theme];
    toggle.setAttribute("aria-label", `Colors: ${theme}. Click to change.`);
  };
  let theme = themes.includes(stored()) ? stored() : "auto";
  apply(theme);
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    apply(theme);
    store(theme);
  });

  document.addEventListener("play", (event) => {
    for (const player of all("audio")) if (player !== event.target) player.pause();
  }, true);

  // Compact audio becomes a player when it is asked for, by its button or by its dot on the map.
  const play = (button) => {
    const player = document.createElement("audio");
    player.controls = true;
    player.setAttribute("aria-label", button.getAttribute("aria-label"));
    player.src = `data:audio/mpeg;base64,${button.dataset.sound}`;
    player.dataset.clip = button.dataset.clip;
    button.replaceWith(player);
    return player;
  };
  for (const button of all(".play")) {
    button.hidden = false;
    button.addEventListener("click", () => play(button).play());
  }
  const players = document.getElementById("all-clips");
  for (const dot of all(".map [data-clip]")) {
    dot.addEventListener("click", () => {
      const found = players?.querySelector(`.play[data-clip="${dot.dataset.clip}"], audio[data-clip="${dot.dataset.clip}"]`);
      if (found) (found.tagName === "AUDIO" ? found : play(found)).play();
    });
  }

  const links = new Map(all(".contents a").map((link) => [link.hash.slice(1), link]));
  const sections = all("main > section[id]");
  const markCurrent = () => {
    const passed = sections.filter((section) => section.getBoundingClientRect().top < innerHeight * 0.35);
    const current = passed.at(-1);
    for (const [id, link] of links) {
      if (current && id === current.id) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    }
  };
  addEventListener("scroll", markCurrent, { passive: true });
  markCurrent();

  for (const controls of all(".controls[data-of]")) {
    const area = document.getElementById(controls.dataset.of);
    const items = all("[data-search]", area);
    const count = controls.querySelector("output");
    const fields = all("input, select", controls);
    const filter = () => {
      const wanted = fields.map((field) => [field.dataset.in, field.value.trim().toLowerCase()]).filter(([, value]) => value);
      let shown = 0;
      for (const item of items) {
        item.hidden = !wanted.every(([where, value]) =>
          where === "search" ? item.dataset.search.toLowerCase().includes(value) : (item.dataset[where] ?? "").toLowerCase() === value);
        shown += !item.hidden;
      }
      count.textContent = shown === items.length ? `${items.length} shown` : `${shown} of ${items.length} shown`;
    };
    for (const field of fields) field.addEventListener("input", filter);
    controls.hidden = false;
    filter();
  }

  const compare = (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    return a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y) ? x - y : a.localeCompare(b);
  };
  for (const table of all("table.sortable")) {
    const heads = all("thead th", table);
    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = table.tBodies[0];
        const key = (row) => row.cells[head.cellIndex].dataset.value ?? row.cells[head.cellIndex].textContent.trim();
        const rows = [...body.rows].sort((a, b) => (up ? 1 : -1) * compare(key(a), key(b)));
        body.append(...rows);
      });
    }
  }
})();
