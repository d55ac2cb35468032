/* The cash leg: what is paid with, what stands behind it, and whether it moves. */

import { figures, find, part, put, redraw, rows } from "./screen.js";
import { amount, number, plain } from "./words.js";

const PERCENT = 100; // basis points in one
const DOUBT = 10; // basis points below par that are worth a word

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

function standing({ halted, gated, frozen, reserves, redemptions, discount_bp: discount }) {
  if (halted.length) return `Halted at the venue: ${halted.map(plain).join(", ")}.`;
  if (frozen) return gated ? "Partly frozen; what can move is shared out among those who withdraw." : "Partly frozen.";
  if (reserves && reserves.state !== "active") return `Its issuer is ${plain(reserves.state)}.`;
  const worth = discount >= DOUBT ? "It moves freely, but is worth less than it promises" : "It moves freely";
  return redemptions?.requests ? `${worth}; whoever wants it redeemed waits.` : `${worth}.`;
}

function share(part, whole) {
  return part ? `${amount(part)} (${number((part / whole) * 100, 1)} %)` : "nothing";
}

function price(discount) {
  if (!discount) return "at par";
  const far = Math.abs(discount);
  const told = far < PERCENT ? `${number(far, 1)} bp` : `${number(far / PERCENT, 1)} %`;
  return `${told} ${discount > 0 ? "below" : "above"} par`;
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
