/* What is on the screen, and when: each part is drawn at most once in a frame, and no more often than it says. */

const dirty = new Map(); // by part: when it may be drawn
let frame = 0;
let timer = 0;

/** A part of the page: `draw()`, no more than once in so many milliseconds. */
export function part(draw, interval = 0) {
  return { draw, interval, drawn: -Infinity };
}

/** Have the part drawn soon. */
export function redraw(one) {
  dirty.set(one, one.drawn + one.interval);
  schedule();
}

function schedule() {
  if (frame || !dirty.size) return;
  const wait = Math.min(...dirty.values()) - performance.now();
  clearTimeout(timer);
  if (wait > 0) timer = setTimeout(schedule, wait);
  else frame = requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  const now = performance.now();
  for (const [one, due] of dirty) {
    if (due > now) continue;
    dirty.delete(one);
    one.drawn = now;
    one.draw();
  }
  schedule();
}

export const find = (id) => document.getElementById(id);

/** Put a text where it is another. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** As many children as there are rows, made by `make` and brought up to date by `fill(child, row)`. */
export function rows(parent, list, make, fill) {
  while (parent.children.length > list.length) parent.lastElementChild.remove();
  list.forEach((row, place) => fill(parent.children[place] ?? parent.appendChild(make()), row));
}

/** A row of a table: a heading, then so many cells. */
export function tableRow(cells) {
  const row = document.createElement("tr");
  for (let place = 0; place < cells; place += 1) row.append(document.createElement("td"));
  return row;
}

/** Terms with what they are at present: pairs of texts. */
export function figures(list, pairs) {
  rows(list, pairs, makeFigure, (node, [term, text]) => {
    put(node.firstChild, term);
    put(node.lastChild, text);
  });
}

function makeFigure() {
  const node = document.createElement("div");
  node.append(document.createElement("dt"), document.createElement("dd"));
  return node;
}

/** Lines with a bar each: a name, a text, and a share of the longest between 0 and 1. */
export function bars(list, lines) {
  rows(list, lines, makeBar, (node, { name, text, share }) => {
    const [title, figure] = node.children;
    put(title, name);
    put(figure, text);
    node.style.setProperty("--share", `${share * 100}%`);
  });
}

function makeBar() {
  const node = document.createElement("li");
  node.append(document.createElement("span"), document.createElement("b"));
  return node;
}
