/* The cash leg: what is paid with, what stands behind it, and whether it moves. */

import { figures, find, part, put, redraw, rows } from "./screen.js";
import { amount, number, plain } from "./words.js";

export class Cash {
  #told = null;
  #part = part(() => this.#draw());

  constructor(venue) {
    venue.follow("cash.statistics", (told) => {
      this.#told = told;
      redraw(this.#part);
    });
  }

  #draw() {
    const make = () => find("asset").content.firstElementChild.cloneNode(true);
    rows(find("assets"), this.#told.assets, make, drawAsset);
  }
}

function drawAsset(article, told) {
  const { reserves, redemptions, withdrawals } = told;
  article.dataset.currency = told.currency;
  put(article.querySelector("h3"), `${told.title} (${told.currency})`);
  put(article.querySelector(".lead"), standing(told));
  figures(article.querySelector("dl"), [
    ["Supply", amount(told.supply)],
    ["At the venue", amount(told.at_the_venue)],
    ["Frozen there", share(told.frozen, told.at_the_venue)],
    ["Price", price(told.discount_bp)],
    ["Withdrawals", queue(withdrawals)],
    ...(redemptions ? [["Redemption queue", queue(redemptions)]] : []),
  ]);
  const backing = article.querySelector(".backing");
  backing.hidden = !reserves;
  if (reserves) drawReserves(backing, reserves, told.supply);
}

function standing({ halted, gated, frozen, reserves }) {
  if (halted.length) return `Halted at the venue: ${halted.map(plain).join(", ")}.`;
  if (frozen) return gated ? "Partly frozen; what can move is shared out among those who withdraw." : "Partly frozen.";
  if (reserves && reserves.state !== "active") return `Its issuer is ${plain(reserves.state)}.`;
  return "It comes and goes freely.";
}

function share(part, whole) {
  return part ? `${amount(part)} (${number((part / whole) * 100, 1)} %)` : "nothing";
}

function price(discount) {
  if (!discount) return "at par";
  return `${number(Math.abs(discount), 1)} bp ${discount > 0 ? "below" : "above"} par`;
}

function queue({ requests, amount: open }) {
  return requests ? `${number(requests)}, of ${amount(open)}` : "nobody waits";
}

function drawReserves(backing, { book, accessible, liquid, covered }, supply) {
  const whole = Math.max(book, supply, 1);
  const parts = [
    { kind: "liquid", name: "paid out at once", value: liquid },
    { kind: "slow", name: "must be sold first", value: accessible - liquid },
    { kind: "stuck", name: "out of reach", value: book - accessible },
  ];
  const stack = backing.querySelector(".stack");
  for (const { kind, value } of parts) stack.querySelector(`.${kind}`).style.width = `${(value / whole) * 100}%`;
  const total = `Reserves of ${amount(book)}${covered ? " cover the supply" : `, ${amount(supply - book)} less than the supply`}`;
  put(backing.querySelector(".what"), `${total}.`);
  const shown = parts.filter(({ value }) => value > 0);
  stack.setAttribute("aria-label", `${total}: ${shown.map(({ name, value }) => `${amount(value)} ${name}`).join(", ")}`);
  rows(backing.querySelector("ul"), shown, () => document.createElement("li"), (item, { kind, name, value }) => {
    item.className = kind;
    put(item, `${name}: ${amount(value)}`);
  });
}
