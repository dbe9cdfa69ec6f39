"use strict";

// What is shown follows from `state` alone: an event changes it and calls `show`, which builds the
// chosen look anew, or `refresh`, which marks another word in the look that is there.

const ROW = 29;
const FAINT = 0.04; // Lines below it are not seen among so many.
const COLOURS = 7;
const DASHES = [[], [7, 4], [2, 3]];
const SPECIAL = /^(\[(CLS|SEP|PAD)\]|<\/?s>|<pad>)$/;
const LOOKS = { lines: "Lines", grid: "Grid", matrix: "Matrix" };
const KEYS = "By keyboard: Tab, arrows, Enter to pin, Escape to let go.";
const HELP = {
  lines:
    "Point at a word to see its lines alone, click to pin it. A double click on a head shows it " +
    `alone. ${KEYS}`,
  grid:
    "Each square is a head: rows look, columns are looked at. Click one to open it, or go to it " +
    "by the arrow keys and press Enter.",
  matrix:
    "Rows look, columns are looked at. Point at a cell for its weight, click to pin it. " + KEYS,
};

const data = JSON.parse(document.getElementById("data").textContent);
data.attentions.forEach((attention) => (attention.weights = decode(attention.weights)));
const cuts = data.attentions.flatMap(cutsOf);
const state = { cut: cuts[0], look: "lines", layer: 0, heads: [], pinned: null, pointed: null };
const header = document.getElementById("header");
const controls = document.getElementById("controls");
const readout = document.getElementById("readout");
const stage = document.getElementById("stage");
const help = document.getElementById("help");
let mark = () => {}; // Set by the look that is shown.

start();

// Data

/** Returns weights from 0 to 1: their square roots are kept, a byte each. */
function decode(base64) {
  const bytes = atob(base64);
  const weights = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) weights[i] = (bytes.charCodeAt(i) / 255) ** 2;
  return weights;
}

/** What there is to choose from: an attention, and of a pair of texts each half of it too. */
function cutsOf(attention) {
  const { queries, keys, second, name } = attention;
  const all = [
    [0, queries.length],
    [0, keys.length],
  ];
  if (second === null) return [cut(attention, name, ...all)];
  const [first, last] = [
    [0, second],
    [second, keys.length],
  ];
  return [
    cut(attention, "both texts", ...all),
    cut(attention, "first \u2192 first", first, first),
    cut(attention, "second \u2192 second", last, last),
    cut(attention, "first \u2192 second", first, last),
    cut(attention, "second \u2192 first", last, first),
  ];
}

function cut(attention, name, [query, queryEnd], [key, keyEnd]) {
  return {
    attention,
    name,
    offset: { query, key },
    tokens: {
      query: attention.queries.slice(query, queryEnd),
      key: attention.keys.slice(key, keyEnd),
    },
  };
}

function weight(head, query, key, layer = state.layer) {
  const { attention, offset } = state.cut;
  const row = (layer * attention.heads + head) * attention.queries.length + offset.query + query;
  return attention.weights[row * attention.keys.length + offset.key + key];
}

function meanWeight(query, key) {
  if (!state.heads.length) return 0;
  return state.heads.reduce((sum, head) => sum + weight(head, query, key), 0) / state.heads.length;
}

function count(number) {
  return [...Array(number).keys()];
}

/** The place in view: what is pinned, completed by what is pointed at. */
function place() {
  const { pinned, pointed } = state;
  if (!pinned) return pointed;
  return { query: pinned.query ?? pointed?.query ?? null, key: pinned.key ?? pointed?.key ?? null };
}

// Elements

/** Makes an element; strings among the children become text, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function colourName(head) {
  return `--head-${head % COLOURS}`;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function round(head) {
  return Math.floor(head / COLOURS) % DASHES.length;
}

/** The attributes of an element underlined as the lines of a head are drawn. */
function underlined(head, name = "") {
  return { class: `${name} round-${round(head)}`, style: `--colour: var(${colourName(head)})` };
}

function swatch(head) {
  return make("span", underlined(head, "swatch"));
}

function bold(token) {
  return make("b", {}, spelled(token));
}

function note(...children) {
  return make("span", { class: "note" }, ...children);
}

/** The largest of pairs of a token and its share, to be read. */
function largest(shares, number) {
  const sorted = shares.sort((a, b) => b[1] - a[1]).slice(0, number);
  return sorted.map(([token, share]) => note(bold(token), ` ${decimals(share)}`));
}

/** Shows the blanks in the pieces of SentencePiece as such. */
function spelled(token) {
  return token.replaceAll("\u2581", "\u2423");
}

function decimals(share, digits = 2) {
  return share.toFixed(digits);
}

/** Lets arrow keys move the focus among elements of which Tab reaches one only. */
function rove(elements, next) {
  elements.forEach((element, i) => (element.tabIndex = i ? -1 : 0));
  elements.forEach((element, i) =>
    element.addEventListener("keydown", (event) => {
      const to = elements[next(event.key, i)];
      if (!to) return;
      event.preventDefault();
      elements.forEach((other) => (other.tabIndex = -1));
      to.tabIndex = 0;
      to.focus();
    }),
  );
}

// What is chosen

function start() {
  buildHeader();
  choose(cuts[0]);
  const { layers, heads, guesses } = state.cut.attention;
  if (guesses.length) state.pinned = { query: guesses[0].position, key: null };
  else if (layers * heads > 16) state.look = "grid";
  addEventListener("resize", show);
  addEventListener("keydown", (event) => event.key === "Escape" && pin(null));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}

function choose(chosen) {
  const { layers, heads } = chosen.attention;
  if (chosen.attention !== state.cut.attention || !state.heads.length) state.heads = count(heads);
  state.layer = Math.min(state.layer, layers - 1);
  Object.assign(state, { cut: chosen, pinned: null, pointed: null });
  if (layers * heads === 1 && state.look === "grid") state.look = "lines";
}

function show() {
  buildControls();
  help.textContent = HELP[state.look];
  readout.classList.toggle("long", state.look !== "grid" && state.heads.length > 5);
  stage.replaceChildren();
  stage.setAttribute("aria-label", LOOKS[state.look]);
  mark = { lines: buildLines, grid: buildGrid, matrix: buildMatrix }[state.look]();
  refresh();
}

function refresh() {
  mark(place());
  if (state.look !== "grid") readout.replaceChildren(...says(place()));
}

function point(pointed) {
  state.pointed = pointed;
  refresh();
}

function pin(pinned) {
  state.pinned = pinned;
  refresh();
}

/** Pins a place, or lets go of it if it is the one that is pinned. */
function togglePin(to) {
  const { pinned } = state;
  pin(pinned && pinned.query === to.query && pinned.key === to.key ? null : to);
}

function buildHeader() {
  header.append(make("h1", {}, data.title));
  if (data.caption) header.append(make("p", { class: "caption" }, data.caption));
  const { guesses, queries } = data.attentions[0];
  guesses.forEach(({ position, pieces }, i) => {
    const number = guesses.length > 1 ? ` ${i + 1}` : "";
    header.append(guessList(queries[position] + number, position, pieces));
  });
}

function guessList(name, position, pieces) {
  const button = make("button", { type: "button" }, name);
  button.addEventListener("click", () => {
    choose(cuts[0]);
    Object.assign(state, { look: "lines", pinned: { query: position, key: null } });
    show();
  });
  const guesses = pieces.map(([piece, chance]) =>
    make(
      "span",
      { class: "guess", style: `--chance: ${100 * chance}%` },
      `${piece} `,
      make("small", {}, decimals(chance)),
    ),
  );
  return make("p", { class: "guesses" }, button, ...guesses);
}

function buildControls() {
  const focused = document.activeElement?.dataset.control;
  controls.replaceChildren(tabs(), ...choosers());
  if (focused) controls.querySelector(`[data-control="${focused}"]`)?.focus();
}

function choosers() {
  const { layers, heads } = state.cut.attention;
  const names = cuts.map(({ name }) => name);
  const one = state.look !== "grid"; // It shows all layers and heads at once.
  const wanted = [
    cuts.length > 1 && chooser("attention", names, cuts.indexOf(state.cut), (i) => choose(cuts[i])),
    one && layers > 1 && chooser("layer", count(layers), state.layer, (i) => (state.layer = i)),
    one && heads > 1 && headButtons(heads),
  ];
  return wanted.filter(Boolean);
}

function tabs() {
  const { layers, heads } = state.cut.attention;
  const names = Object.keys(LOOKS).filter((look) => look !== "grid" || layers * heads > 1);
  const buttons = names.map((look) => {
    const selected = String(look === state.look);
    const attributes = { type: "button", role: "tab", "aria-controls": "stage" };
    const button = make("button", { ...attributes, "aria-selected": selected }, LOOKS[look]);
    button.dataset.control = look;
    button.addEventListener("click", () => openLook(look));
    return button;
  });
  const moves = { ArrowLeft: -1, ArrowRight: 1 };
  rove(buttons, (key, i) => i + moves[key]);
  buttons.forEach((button, i) => (button.tabIndex = names[i] === state.look ? 0 : -1));
  return make("span", { class: "tabs", role: "tablist", "aria-label": "Look" }, ...buttons);
}

function openLook(look) {
  Object.assign(state, { look, pointed: null });
  show();
}

function chooser(label, names, chosen, take) {
  const options = names.map((name, i) => make("option", { value: i }, String(name)));
  const select = make("select", { "data-control": label }, ...options);
  select.selectedIndex = chosen;
  select.addEventListener("change", () => {
    take(select.selectedIndex);
    show();
  });
  return make("label", {}, label, select);
}

function headButtons(heads) {
  const buttons = count(heads).map(headButton);
  const all = make("button", { type: "button", class: "all", "data-control": "all" }, "all");
  all.addEventListener("click", () => setHeads(count(heads)));
  return make("span", { role: "group", "aria-label": "Heads" }, "heads", ...buttons, all);
}

function headButton(head) {
  const attributes = {
    type: "button",
    ...underlined(head, "head"),
    "aria-label": `head ${head}`,
    "aria-pressed": String(state.heads.includes(head)),
    "data-control": `head-${head}`,
  };
  const button = make("button", attributes, String(head));
  button.addEventListener("click", () => toggleHead(head));
  button.addEventListener("dblclick", () => setHeads([head]));
  return button;
}

function toggleHead(head) {
  const { heads } = state;
  setHeads(heads.includes(head) ? heads.filter((other) => other !== head) : [...heads, head]);
}

function setHeads(heads) {
  state.heads = heads.sort((a, b) => a - b);
  show();
}

// What is said

function says(at) {
  if (!state.heads.length) return ["No head is chosen."];
  if (!at) return ["\u00a0"];
  return at.query !== null && at.key !== null ? saysPair(at) : saysWord(at);
}

function saysPair({ query, key }) {
  const { tokens } = state.cut;
  const words = [bold(tokens.query[query]), " looks at ", bold(tokens.key[key])];
  const heads = state.heads.map((head) =>
    note(swatch(head), `head ${head} ${decimals(weight(head, query, key), 3)}`),
  );
  const mean = note(`mean ${decimals(meanWeight(query, key), 3)}`);
  return [...words, ...(heads.length > 1 ? [mean] : []), ...heads];
}

function saysWord(at) {
  const side = at.query !== null ? "query" : "key";
  const other = side === "query" ? "key" : "query";
  const shares = state.cut.tokens[other].map((token, i) => [token, shareWith(at, i)]);
  const verb = side === "query" ? " looks most at" : " is most looked at by";
  return [bold(state.cut.tokens[side][at[side]]), verb, ...largest(shares, 5)];
}

/** The mean weight between the word at a place and the `i`-th one of the other side. */
function shareWith({ query, key }, i) {
  return query !== null ? meanWeight(query, i) : meanWeight(i, key);
}

// Lines

function buildLines() {
  const canvas = make("canvas", { "aria-hidden": "true" });
  const words = { query: wordButtons("query"), key: wordButtons("key") };
  const figure = make("div", { class: "lines" }, canvas);
  figure.style.setProperty("--row", `${ROW}px`);
  figure.style.setProperty("--margin", `${52 + 9 * state.cut.attention.heads}px`);
  figure.append(column("query", words.query), column("key", words.key));
  figure.addEventListener("pointerleave", () => point(null));
  stage.append(figure);
  connect(words);
  const pen = prepare(canvas, figure.clientWidth, figure.clientHeight);
  const edges = edgesOf(figure);
  return (at) => {
    markWords(words, at);
    paintLines(pen, edges, at);
  };
}

function wordButtons(side) {
  return state.cut.tokens[side].map((token, i) => {
    const special = SPECIAL.test(token) ? " special" : "";
    const attributes = { type: "button", class: `word${special}`, title: token };
    const button = make("button", attributes, spelled(token));
    const at = { query: null, key: null, [side]: i };
    button.addEventListener("pointerenter", () => point(at));
    button.addEventListener("focus", () => point(at));
    button.addEventListener("blur", () => point(null));
    button.addEventListener("click", () => togglePin(at));
    return button;
  });
}

function column(side, words) {
  const items = words.map((word) => make("li", {}, word));
  const title = side === "query" ? "looks (query)" : "is looked at (key)";
  return make("ol", { class: "words", "data-title": title, "aria-label": title }, ...items);
}

function connect({ query, key }) {
  const size = query.length;
  const last = (i) => (i < size ? size : size + key.length) - 1;
  const first = (i) => (i < size ? 0 : size);
  rove([...query, ...key], (pressed, i) => {
    if (pressed === "ArrowUp") return Math.max(i - 1, first(i));
    if (pressed === "ArrowDown") return Math.min(i + 1, last(i));
    if (pressed === "ArrowRight" && i < size) return size + Math.min(i, key.length - 1);
    if (pressed === "ArrowLeft" && i >= size) return Math.min(i - size, size - 1);
    return { Home: first(i), End: last(i) }[pressed];
  });
}

function markWords(words, at) {
  const asks = Boolean(at) && at.query !== null;
  for (const side of ["query", "key"]) {
    words[side].forEach((word, i) => {
      const answers = at && state.heads.length && asks === (side === "key");
      const share = answers ? shareWith(at, i) : 0;
      word.classList.toggle("active", at?.[side] === i);
      word.classList.toggle("faded", Boolean(at) && !answers && at[side] !== i);
      word.setAttribute("aria-pressed", String(state.pinned?.[side] === i));
      word.style.setProperty("--share", `${60 * share}%`);
      if (answers) word.parentElement.dataset.weight = decimals(share);
      else delete word.parentElement.dataset.weight;
    });
  }
}

/** Returns a canvas' context, in pixels of the page and sharp on any screen. */
function prepare(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  Object.assign(canvas, { width: width * ratio, height: height * ratio });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  return pen;
}

function edgesOf(figure) {
  const [query, key] = figure.querySelectorAll(".words");
  return {
    left: query.offsetLeft,
    from: query.offsetLeft + query.offsetWidth,
    to: key.offsetLeft,
    right: key.offsetLeft + key.offsetWidth,
  };
}

function paintLines(pen, edges, at) {
  pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
  state.heads.forEach((head, nth) => {
    pen.strokeStyle = pen.fillStyle = colour(colourName(head));
    pen.setLineDash(DASHES[round(head)]);
    for (const [query, key] of pairs(at)) {
      const share = weight(head, query, key);
      if (at) paintBox(pen, edges, at, query, key, share, nth);
      if (at || share > FAINT) paintLine(pen, edges, query, key, share, at, nth);
    }
  });
}

function pairs(at) {
  const queries = count(state.cut.tokens.query.length);
  const keys = count(state.cut.tokens.key.length);
  if (!at) return queries.flatMap((query) => keys.map((key) => [query, key]));
  if (at.query !== null) return keys.map((key) => [at.query, key]);
  return queries.map((query) => [query, at.key]);
}

function middle(i) {
  return (i + 1.5) * ROW - 1; // As the letters sit a little high.
}

function paintLine(pen, { from, to }, query, key, share, at, nth) {
  const aside = besides(nth);
  const [y, end] = [middle(query) + aside, middle(key) + aside];
  const bend = (to - from) / 6; // Little: steep lines would lie on each other.
  pen.globalAlpha = at ? Math.sqrt(share) : share;
  pen.lineWidth = 0.75 + 2.5 * share;
  pen.beginPath();
  pen.moveTo(from, y);
  pen.bezierCurveTo(from + bend, y, to - bend, end, to, end);
  pen.stroke();
}

/** How far from the middle a head's line runs, so that it hides no other head's. */
function besides(nth) {
  const { length } = state.heads;
  return (nth - (length - 1) / 2) * Math.min(3, 16 / length);
}

/** A box for each head beside the words of the other side, the fuller the more weight. */
function paintBox(pen, { left, right }, at, query, key, share, nth) {
  const asks = at.query !== null;
  const x = asks ? right + 46 + 9 * nth : left - 54 - 9 * nth;
  pen.globalAlpha = Math.sqrt(share);
  pen.fillRect(x, middle(asks ? key : query) - 8, 8, 14);
}

// Grid

function buildGrid() {
  const { layers, heads } = state.cut.attention;
  const thumbs = count(layers).flatMap((layer) => count(heads).map((head) => thumb(layer, head)));
  const rows = count(layers).map((layer) => {
    const title = make("th", { scope: "row" }, `layer ${layer}`);
    const cells = thumbs.slice(layer * heads, (layer + 1) * heads);
    return make("tr", {}, title, ...cells.map((cell) => make("td", {}, cell)));
  });
  const table = make("table", { class: "grid" }, gridTitles(heads), ...rows);
  const size = Math.max(60, Math.min(120, Math.floor(880 / heads)));
  table.style.setProperty("--size", `${size}px`);
  stage.append(table);
  const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -heads, ArrowDown: heads };
  rove(thumbs, (key, i) => i + moves[key]);
  readout.textContent = "\u00a0";
  return () => {};
}

function gridTitles(heads) {
  const titles = count(heads).map((head) => {
    const title = make("span", underlined(head), `head ${head}`);
    return make("th", { scope: "col" }, title);
  });
  return make("tr", {}, make("td"), ...titles);
}

function thumb(layer, head) {
  const canvas = make("canvas", { "aria-hidden": "true" });
  const label = `open layer ${layer}, head ${head}`;
  const button = make("button", { type: "button", class: "thumb", "aria-label": label }, canvas);
  paintCells(canvas, colour(colourName(head)), (query, key) => weight(head, query, key, layer));
  for (const event of ["pointerenter", "focus"]) {
    button.addEventListener(event, () => readout.replaceChildren(...saysHead(layer, head)));
  }
  button.addEventListener("click", () => {
    Object.assign(state, { layer, heads: [head] });
    openLook("lines");
    controls.querySelector("button").focus(); // Where Tab goes on from.
  });
  return button;
}

function saysHead(layer, head) {
  const { query, key } = state.cut.tokens;
  const received = key.map((token, k) => {
    const sum = query.reduce((total, _, q) => total + weight(head, q, k, layer), 0);
    return [token, sum / query.length];
  });
  const name = make("b", {}, `layer ${layer}, head ${head}`);
  return [swatch(head), name, " looks on average most at", ...largest(received, 3)];
}

/** Paints a pixel for each pair, as near to a colour as the square root of its weight is to 1. */
function paintCells(canvas, full, weightOf) {
  const [height, width] = [state.cut.tokens.query.length, state.cut.tokens.key.length];
  Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const ramp = rampTo(full);
  for (let query = 0, i = 0; query < height; query++) {
    for (let key = 0; key < width; key++) {
      pixels[i++] = ramp[Math.round(255 * Math.sqrt(weightOf(query, key)))];
    }
  }
  pen.putImageData(image, 0, 0);
}

/** Returns 256 opaque colours, from that of the page to another, each in the bytes of a pixel. */
function rampTo(full) {
  const [from, to] = [colour("--paper"), full].map(channels);
  const colours = count(256).map((i) => [...from.map((x, j) => x + (i / 255) * (to[j] - x)), 255]);
  return new Uint32Array(Uint8ClampedArray.from(colours.flat()).buffer);
}

/** Returns red, green and blue of `#rrggbb`. */
function channels(hex) {
  return hex.match(/[0-9a-f]{2}/gi).map((pair) => parseInt(pair, 16));
}

// Matrix

function buildMatrix() {
  const { query, key } = state.cut.tokens;
  const size = Math.max(15, Math.min(36, Math.floor(720 / Math.max(query.length, key.length))));
  const paint = state.heads.length === 1 ? colourName(state.heads[0]) : "--ink";
  const canvas = make("canvas", { "aria-hidden": "true" });
  const [width, height] = [size * key.length, size * query.length];
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  paintCells(canvas, colour(paint), meanWeight);
  const cells = cellsOf(canvas, size);
  const sides = { query: labels("query"), key: labels("key") };
  const figure = make("div", { class: "matrix" }, sides.key, sides.query, cells, scale(paint));
  figure.style.setProperty("--cell", `${size}px`);
  figure.style.setProperty("--letters", `${Math.max(12, Math.min(15, size - 6))}px`);
  stage.append(figure);
  return (at) => markCells(cells, sides, size, at);
}

function labels(side) {
  const items = state.cut.tokens[side].map((token) =>
    make("li", { title: token, class: SPECIAL.test(token) ? "special" : "" }, spelled(token)),
  );
  return make("ol", { class: `labels ${side}`, "aria-hidden": "true" }, ...items);
}

function scale(paint) {
  const bar = make("i", { style: `--colour: var(${paint})` });
  const what = make("span", {}, state.heads.length > 1 ? "mean of the heads shown" : "");
  return make("div", { class: "scale", "aria-hidden": "true" }, "0", bar, "1", what);
}

function cellsOf(canvas, size) {
  const { query, key } = state.cut.tokens;
  const label = "matrix of weights; arrow keys move from cell to cell";
  const attributes = { class: "cells", role: "application", tabindex: 0, "aria-label": label };
  const cells = make("div", attributes, canvas);
  const under = ({ offsetX, offsetY }) => ({
    query: within(Math.floor(offsetY / size), query.length),
    key: within(Math.floor(offsetX / size), key.length),
  });
  cells.addEventListener("pointermove", (event) => point(under(event)));
  cells.addEventListener("pointerleave", () => point(null));
  cells.addEventListener("click", (event) => togglePin(under(event)));
  cells.addEventListener("keydown", (event) => moveInMatrix(event, query.length, key.length));
  cells.addEventListener("focus", () => {
    const byKey = cells.matches(":focus-visible");
    if (byKey) point(state.pointed ?? { query: 0, key: 0 });
  });
  cells.addEventListener("blur", () => point(null));
  return cells;
}

function within(number, size) {
  return Math.max(0, Math.min(size - 1, number));
}

function moveInMatrix(event, rows, columns) {
  const at = state.pointed ?? { query: 0, key: 0 };
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const move = moves[event.key];
  if (!move && event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  if (!move) return togglePin(at);
  state.pinned = null;
  point({ query: within(at.query + move[0], rows), key: within(at.key + move[1], columns) });
}

function markCells(cells, sides, size, at) {
  for (const side of ["query", "key"]) {
    const labels = [...sides[side].children];
    labels.forEach((label, i) => label.classList.toggle("active", at?.[side] === i));
  }
  cells.querySelectorAll(".cross").forEach((cross) => cross.remove());
  if (!at) return;
  const { query, key } = state.cut.tokens;
  const [row, column] = [at.query !== null, at.key !== null];
  if (row) cells.append(cross(0, at.query, key.length, 1, size, !column));
  if (column) cells.append(cross(at.key, 0, 1, query.length, size, !row));
  if (row && column) cells.append(cross(at.key, at.query, 1, 1, size, true));
}

function cross(x, y, width, height, size, strong) {
  const pinned = strong && state.pinned ? " pinned" : "";
  const box = { left: x, top: y, width, height };
  const style = Object.entries(box)
    .map(([name, cells]) => `${name}: ${cells * size}px`)
    .join("; ");
  return make("div", { class: `cross${pinned}`, style });
}
