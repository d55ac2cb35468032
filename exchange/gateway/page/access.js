/* Access: who was let in, and who or what was refused, and why. */

import { bars, find, part, put, redraw, rows, tableRow } from "./screen.js";
import { orElse } from "./venue.js";
import { number, plain } from "./words.js";

const SHOWN = 8; // reasons
const ABOUT = { order: "orders", order_change: "changes of orders", coin: "coins", note: "notes" };

export class Access {
  #venue;
  #told = null;
  #titles = {}; // of classes
  #part = part(() => this.#draw());

  constructor(venue) {
    this.#venue = venue;
    venue.follow("access.statistics", (told) => {
      this.#told = told;
      redraw(this.#part);
    });
  }

  /** A new connection: another regime may be in force. */
  async begin() {
    const classes = await this.#venue.ask("regime/get_classes").catch(orElse([])); // none is in force
    this.#titles = Object.fromEntries(classes.map((one) => [one.class, one.title]));
    if (this.#told) redraw(this.#part);
  }

  #draw() {
    const { admitted, by_class: classes, by_state: states, refused, refused_by_reason: reasons, refusals } = this.#told;
    put(find("entry"), [entered(admitted, refused), ...bound(states)].join(" "));
    drawCounts(find("classes"), Object.entries(classes), (name) => this.#titles[name] ?? plain(name));
    find("turned-away").hidden = !refused;
    drawCounts(find("turned-away").querySelector("ul"), Object.entries(reasons), plain);
    const list = Object.entries(refusals)
      .flatMap(([about, found]) => Object.entries(found).map(([reason, count]) => ({ about, reason, count })))
      .sort((one, other) => other.count - one.count)
      .slice(0, SHOWN);
    find("no-refusals").hidden = list.length > 0;
    find("refusals").hidden = !list.length;
    rows(find("refusals").tBodies[0], list, () => tableRow(3), (row, one) => {
      const [reason, about, count] = row.children;
      put(reason, plain(one.reason));
      put(about, ABOUT[one.about] ?? plain(one.about));
      put(count, number(one.count));
    });
  }
}

function drawCounts(list, counts, title) {
  const most = Math.max(1, ...counts.map(([, count]) => count));
  bars(list, counts.map(([name, count]) => ({ name: title(name), text: number(count), share: count / most })));
}

function entered(admitted, refused) {
  if (!refused) return `${number(admitted)} have applied, and all were let in.`;
  return `${number(admitted + refused)} have applied: ${were(admitted)} let in, ${were(refused)} turned away.`;
}

function were(count) {
  return `${number(count)} ${count === 1 ? "was" : "were"}`;
}

/** Those who may not trade as they like, if there are any. */
function bound(states) {
  const found = Object.entries(states).filter(([state]) => state !== "active");
  if (!found.length) return [];
  return [`Of those inside, ${found.map(([state, count]) => `${number(count)} ${plain(state)}`).join(", ")}.`];
}
