"use strict";
// The map of recordings: a canvas to pan and zoom, one player for all points, and names for groups, saved as a table.
(() => {
  const at = (id) => document.getElementById(id);
  const data = JSON.parse(at("map-data").textContent);
  const canvas = at("map"), pen = canvas.getContext("2d"), color = at("map-color"), search = at("map-search");
  const SERIES = 7, NEAR = 14, STEPS = 24;
  const count = data.x.length, named = new Map();
  let view = { scale: 1, x: 0, y: 0 }, chosen = -1, column, colors, found;

  // Each dimension of the plane is from -1 to 1; y goes up.
  const size = () => Math.min(canvas.clientWidth, canvas.clientHeight) / 2 - 14;
  const place = (row) => [
    canvas.clientWidth / 2 + (data.x[row] * size() + view.x) * view.scale,
    canvas.clientHeight / 2 + (-data.y[row] * size() + view.y) * view.scale,
  ];
  const value = (row, of = column) => of.names ? of.names[of.codes[row]] : of.numbers[row];
  const label = (row) => {
    const span = data.spans ? ` (${data.spans[row].join("–")} s)` : "";
    return `${data.files[row]}${span}`;
  };

  // Colors of the style sheet follow the theme; only the browser can say what they are now.
  const resolve = (style) => { canvas.style.color = style; return getComputedStyle(canvas).color; };
  const palette = () => {
    const series = [...Array(SERIES).keys()].map((number) => resolve(`var(--plot-series-${number})`));
    const shades = [...Array(STEPS).keys()].map((step) => resolve(`color-mix(in oklab, var(--plot-series-4) ${100 * step / (STEPS - 1)}%, var(--plot-series-0))`));
    return { series, shades, paper: resolve("var(--raised)"), ink: resolve("var(--ink)"), faint: resolve("var(--faint)") };
  };
  const range = () => {
    const known = column.numbers.filter((number) => number !== null);
    return [Math.min(...known), Math.max(...known)];
  };
  const style = (row) => {
    if (column.numbers) {
      const [low, high] = column.range;
      const number = column.numbers[row];
      return { shape: 0, fill: number === null ? colors.faint : colors.shades[Math.round((STEPS - 1) * (number - low) / (high - low || 1))] };
    }
    return look(column.codes[row]);
  };
  // Colors repeat after the last one, with another shape; what belongs to no group is faint.
  const look = (code) => (["", "no cluster"].includes(column.names[code])
    ? { shape: 4, fill: colors.faint } : { shape: Math.floor(code / SERIES) % 4, fill: colors.series[code % SERIES] });
  const outline = (context, shape, x, y, r) => {
    context.beginPath();
    if (shape === 0) context.arc(x, y, r, 0, 2 * Math.PI);
    else if (shape === 1) context.rect(x - r, y - r, 2 * r, 2 * r);
    else if (shape === 4) { context.rect(x - r, y - r / 3, 2 * r, r / 1.5); }
    else {
      const corners = shape === 2 ? 3 : 4;
      for (let corner = 0; corner < corners; corner += 1) {
        const angle = 2 * Math.PI * corner / corners - Math.PI / 2;
        context.lineTo(x + 1.3 * r * Math.cos(angle), y + 1.3 * r * Math.sin(angle));
      }
      context.closePath();
    }
  };
  const mark = (context, shape, fill, x, y, r) => {
    outline(context, shape, x, y, r);
    context.fillStyle = fill;
    context.fill();
    context.strokeStyle = colors.paper;
    context.lineWidth = 1;
    context.stroke();
  };

  let waiting = false;
  const redraw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  };
  const draw = () => {
    const ratio = devicePixelRatio || 1, [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    pen.scale(ratio, ratio);
    const r = Math.min(9, (count > 2000 ? 3 : 4.5) * Math.sqrt(view.scale));
    for (const shown of [false, true]) {
      for (let row = 0; row < count; row += 1) {
        if (found[row] !== shown) continue;
        const [x, y] = place(row), { shape, fill } = style(row);
        if (x < -r || y < -r || x > width + r || y > height + r) continue;
        pen.globalAlpha = shown ? 0.9 : 0.12;
        mark(pen, shape, fill, x, y, r);
      }
    }
    pen.globalAlpha = 1;
    if (chosen < 0) return;
    const [x, y] = place(chosen);
    outline(pen, 0, x, y, r + 5);
    pen.strokeStyle = colors.ink;
    pen.lineWidth = 2;
    pen.stroke();
  };

  const legend = () => {
    const items = column.names ? column.names.map((name, code) => [name || "(empty)", look(code)])
      : column.range.map((number, end) => [String(Number(number.toPrecision(3))), { shape: 0, fill: colors.shades[end * (STEPS - 1)] }]);
    at("map-legend").replaceChildren(...items.map(([name, { shape, fill }]) => {
      const item = document.createElement("li"), sign = document.createElement("canvas");
      sign.width = sign.height = 28;
      sign.className = "sign";
      mark(sign.getContext("2d"), shape, fill, 14, 14, 9);
      item.append(sign, name);
      return item;
    }));
  };

  const choose = (row, { play = true, show = false } = {}) => {
    chosen = row;
    const others = data.columns.map((of) => `${of.name}: ${value(row, of) ?? ""}`);
    at("map-chosen").textContent = `${label(row)} · ${others.join(" · ")}`;
    const player = at("map-player"), sound = data.sounds[row];
    player.hidden = !sound;
    if (!sound) { player.pause(); player.removeAttribute("src"); at("map-chosen").textContent += " · no player"; }
    else if (play) {
      player.src = sound;
      player.play().catch(() => { /* the browser wants another click */ });
    }
    if (show) canvas.scrollIntoView({ block: "nearest" });
    redraw();
  };
  const nearest = (x, y, far) => {
    let best = -1;
    for (let row = 0; row < count; row += 1) {
      const [px, py] = place(row), distance = Math.hypot(px - x, py - y);
      if (found[row] && distance < far) [best, far] = [row, distance];
    }
    return best;
  };

  const zoom = (factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
    if (!factor) view = { scale: 1, x: 0, y: 0 };
    else {
      const scale = Math.min(60, Math.max(0.5, view.scale * factor));
      const [dx, dy] = [x - canvas.clientWidth / 2, y - canvas.clientHeight / 2];
      view = { scale, x: view.x + dx / scale - dx / view.scale, y: view.y + dy / scale - dy / view.scale };
    }
    redraw();
  };
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
  }, { passive: false });
  for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));

  const touching = new Map();
  let moved = 0;
  const spread = () => {
    const [a, b] = [...touching.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, length: Math.hypot(a.x - b.x, a.y - b.y) || 1 };
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    touching.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    moved = touching.size > 1 ? Infinity : 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = touching.get(event.pointerId), here = { x: event.offsetX, y: event.offsetY };
    if (!before) {
      canvas.style.cursor = nearest(here.x, here.y, NEAR) < 0 ? "grab" : "pointer";
      return;
    }
    const old = touching.size === 2 ? spread() : null;
    touching.set(event.pointerId, here);
    moved += Math.hypot(here.x - before.x, here.y - before.y);
    if (old) zoom(spread().length / old.length, old.x, old.y);
    if (touching.size === 1 && moved > 4) {
      view.x += (here.x - before.x) / view.scale;
      view.y += (here.y - before.y) / view.scale;
    }
    redraw();
  });
  const release = (event) => {
    const row = event.type === "pointerup" && moved <= 4 ? nearest(event.offsetX, event.offsetY, NEAR) : -1;
    touching.delete(event.pointerId);
    if (row >= 0) choose(row);
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (arrow) {
      const [x, y] = chosen < 0 ? [canvas.clientWidth / 2, canvas.clientHeight / 2] : place(chosen);
      // The nearest point that lies more in this direction than to its sides.
      let best = -1, far = Infinity;
      for (let row = 0; row < count; row += 1) {
        const [px, py] = place(row), ahead = (px - x) * arrow[0] + (py - y) * arrow[1], aside = Math.abs((px - x) * arrow[1] + (py - y) * arrow[0]);
        if (row !== chosen && found[row] && ahead > 0 && ahead >= aside && ahead + 2 * aside < far) [best, far] = [row, ahead + 2 * aside];
      }
      if (best >= 0) choose(best, { play: false });
    } else if (event.key === "Enter" && chosen >= 0) choose(chosen);
    else if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 1.5 : 0.667);
    else return;
    event.preventDefault();
  });

  // Names of groups, kept for each column, and the table that they are saved in.
  const body = at("map-groups");
  const groups = () => {
    if (!body) return;
    if (column.numbers) { body.replaceChildren(); return; }
    if (!named.has(column.name)) named.set(column.name, column.names.map((name) => (name === "no cluster" ? "" : name)));
    const names = named.get(column.name);
    body.replaceChildren(...column.names.map((name, code) => {
      const rows = data.files.map((_, row) => row).filter((row) => column.codes[row] === code);
      const line = document.createElement("tr"), head = document.createElement("th"), field = document.createElement("input");
      head.scope = "row";
      head.textContent = name || "(empty)";
      field.value = names[code];
      field.setAttribute("aria-label", `Name of ${name || "(empty)"}`);
      field.addEventListener("input", () => { names[code] = field.value; });
      const [edit, number, listen] = [0, 1, 2].map(() => document.createElement("td"));
      edit.append(field);
      number.className = "number";
      number.textContent = String(rows.length);
      for (const [rank, row] of central(rows).entries()) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "listen";
        button.textContent = `▶ ${rank + 1}`;
        button.setAttribute("aria-label", `Play ${label(row)}`);
        button.addEventListener("click", () => choose(row, { show: true }));
        listen.append(button);
      }
      line.append(head, edit, number, listen);
      return line;
    }));
  };
  const middle = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
  const central = (rows) => {
    const x = middle(rows.map((row) => data.x[row])), y = middle(rows.map((row) => data.y[row]));
    const distance = (row) => Math.hypot(data.x[row] - x, data.y[row] - y);
    return rows.filter((row) => data.sounds[row]).sort((a, b) => distance(a) - distance(b)).slice(0, 4);
  };
  // No spreadsheet runs a cell: what would be a formula begins with an apostrophe, which audio-ft takes off again.
  const cell = (text) => {
    const inert = /^'*[=+\-@\t\r\n＝＋－＠]/.test(text) && !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? `'${text}` : text;
    return `"${inert.replaceAll('"', '""')}"`;
  };
  const table = () => {
    const names = named.get(column.name), lines = [["file_name", ...(data.spans ? ["start", "end"] : []), "label"]];
    for (let row = 0; row < count; row += 1) {
      const name = names[column.codes[row]].trim();
      if (name) lines.push([data.files[row], ...(data.spans ? data.spans[row].map(String) : []), name]);
    }
    return lines;
  };
  const save = at("map-save");
  if (save) save.addEventListener("click", (event) => {
    if (column.numbers) {
      event.preventDefault();
      at("map-saved").textContent = `${column.name} is a number; color the map by clusters or names.`;
      return;
    }
    const lines = table();
    URL.revokeObjectURL(save.href);
    save.href = URL.createObjectURL(new Blob([lines.map((line) => `${line.map(cell).join(",")}\n`).join("")], { type: "text/csv" }));
    at("map-saved").textContent = `${lines.length - 1} of ${count} recordings, labeled by ${column.name}.`;
  });

  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    found = data.files.map((file, row) => !wanted || [file, ...data.columns.map((of) => String(value(row, of) ?? ""))].some((text) => text.toLowerCase().includes(wanted)));
    const shown = found.filter(Boolean).length;
    at("map-count").textContent = shown === count ? `${count} shown` : `${shown} of ${count} shown`;
    redraw();
  };
  const recolor = () => {
    column = data.columns[color.value];
    if (column.numbers) column.range ??= range();
    colors = palette();
    legend();
    groups();
    redraw();
  };
  color.replaceChildren(...data.columns.map((of, place) => new Option(of.name, String(place))));
  color.addEventListener("input", recolor);
  search.addEventListener("input", filter);
  const repaint = () => { colors = palette(); legend(); redraw(); };
  document.querySelector(".theme")?.addEventListener("click", repaint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  addEventListener("resize", redraw);
  filter();
  recolor();
})();
