/* The price of one instrument over time, with the index beside it, as SVG. */

import { digitsOf, minutes, number, seconds } from "./words.js";

const SPACE = "http://www.w3.org/2000/svg";
const EDGE = { top: 12, bottom: 26, left: 6 }; // pixels around the plot
const DIGIT = 7.4; // pixels that one of a price takes at the right edge
const MOST = 4_000; // points that are kept of a line
const MOST_DRAWN = 600;

/** Points in the order of time, of which the oldest are forgotten. */
export class Line {
  points = []; // [milliseconds, price]

  begin(points) {
    this.points = points.slice(-MOST);
  }

  add(at, price) {
    const { points } = this;
    const last = points.at(-1);
    if (last && at < last[0]) return;
    points.push([at, price]);
    if (points.length > 1.25 * MOST) points.splice(0, points.length - MOST);
  }

  /** Those since then, and the one before them, thinned to what can be seen. */
  since(from) {
    const { points } = this;
    let first = points.length;
    while (first > 0 && points[first - 1][0] >= from) first -= 1;
    const shown = points.slice(Math.max(0, first - 1));
    const step = Math.ceil(shown.length / MOST_DRAWN);
    return step < 2 ? shown : shown.filter((_, place) => place % step === 0 || place === shown.length - 1);
  }
}

/** Draw `traded` and `index` up to `until`, over so many minutes. */
export function drawChart(svg, { name, traded, index, until, span, step }) {
  const { width, height } = svg.getBoundingClientRect();
  if (!width || !height) return;
  svg.setAttribute("viewBox", `0 0 ${Math.round(width)} ${Math.round(height)}`);
  const from = until - span * 60_000;
  const lines = { index: index.since(from), traded: traded.since(from) };
  const prices = [...lines.index, ...lines.traded].map(([, price]) => price);
  if (!prices.length) {
    svg.replaceChildren(label(width / 2, height / 2, "Waiting for a first price", "middle"));
    svg.setAttribute("aria-label", `${name}: no price yet`);
    return;
  }
  const digits = digitsOf(step);
  const right = 22 + DIGIT * number(Math.max(...prices), digits).length;
  const scale = scales(prices, from, until, width - right, height, step);
  const [, last] = lines.traded.at(-1) ?? lines.index.at(-1);
  svg.replaceChildren(
    ...grid(scale, width - right, height, digits, scale.y(last)),
    ...Object.entries(lines).map(([kind, points]) => path(kind, points, scale, kind === "traded")),
    ...tag(last, scale, width - right, right, digits),
  );
  svg.setAttribute("aria-label", summary(name, lines, span, digits));
}

/** `end` is where the plot ends on the right. */
function scales(prices, from, until, end, height, step) {
  let low = Math.min(...prices);
  let high = Math.max(...prices);
  const margin = Math.max((high - low) * 0.12, step);
  low -= margin;
  high += margin;
  const across = end - EDGE.left;
  const down = height - EDGE.top - EDGE.bottom;
  return {
    low, high, from, until,
    x: (at) => EDGE.left + (Math.min(Math.max(0, at - from), until - from) / (until - from)) * across,
    y: (price) => EDGE.top + ((high - price) / (high - low)) * down,
  };
}

/** Round numbers between two bounds, about so many. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at);
  return found;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 360].map((each) => each * 60_000);

/** Rules with their prices, but for one that the tag of the latest price would cover; and the hours below. */
function grid(scale, end, height, digits, covered) {
  const found = [];
  for (const price of ticks(scale.low, scale.high, height / 60)) {
    const y = Math.round(scale.y(price)) + 0.5;
    found.push(line(EDGE.left, y, end, y));
    if (Math.abs(y - covered) > 18) found.push(label(end + 10, y + 4, number(price, digits)));
  }
  const room = Math.max(2, Math.floor(end / 80));
  const step = STEPS.find((each) => (scale.until - scale.from) / each <= room) ?? STEPS.at(-1);
  for (let at = Math.ceil(scale.from / step) * step; at <= scale.until; at += step) {
    const x = scale.x(at);
    if (x > 20 && x < end - 16) found.push(label(x, height - 6, minutes(at), "middle"));
  }
  return found;
}

/** Trades hold until the next one, so their line has steps; the index is joined. */
function path(kind, points, scale, stepped) {
  let way = "";
  points.forEach(([at, price], place) => {
    const x = scale.x(at).toFixed(1);
    const y = scale.y(price).toFixed(1);
    way += place === 0 ? `M${x} ${y}` : stepped ? `H${x}V${y}` : `L${x} ${y}`;
  });
  if (stepped && points.length) way += `H${scale.x(scale.until).toFixed(1)}`;
  return element("path", { class: kind, d: way || "M0 0" });
}

/** The latest price at the right edge. */
function tag(price, scale, x, width, digits) {
  const y = scale.y(price);
  return [
    element("circle", { class: "now", cx: x, cy: y, r: 3.5 }),
    element("rect", { class: "tag", x: x + 4, y: y - 10, width: width - 6, height: 20, rx: 4 }),
    label(x + 10, y + 4, number(price, digits), "start", "tagged"),
  ];
}

function summary(name, lines, span, digits) {
  const points = lines.traded.length ? lines.traded : lines.index;
  const prices = points.map(([, price]) => price);
  const told = (price) => number(price, digits);
  const what = lines.traded.length ? "traded price" : "index";
  const [at] = points.at(-1);
  return (
    `${name}, ${what} over ${span} minutes: from ${told(prices[0])} to ${told(prices.at(-1))} at ${seconds(at)}, ` +
    `lowest ${told(Math.min(...prices))}, highest ${told(Math.max(...prices))}`
  );
}

function element(kind, attributes) {
  const node = document.createElementNS(SPACE, kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function line(x1, y1, x2, y2) {
  return element("line", { class: "rule", x1, y1, x2, y2 });
}

function label(x, y, text, anchor = "start", kind = "label") {
  const node = element("text", { class: kind, x, y, "text-anchor": anchor });
  node.textContent = text;
  return node;
}
