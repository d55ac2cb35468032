/* The clearing house: what is open, what covers it, and who would pay if somebody cannot. */

import { bars, figures, find, part, put, redraw, rows, tableRow } from "./screen.js";
import { amount, number, plain } from "./words.js";

const DIGITS = 3; // of an amount of the underlying
const COVERS = {
  full: "Every position is covered in full: what it could lose at worst is paid in before it is opened.",
  risk: "Positions are covered by margin. It covers likely losses, not every loss; behind it stand the layers below.",
};
// Each layer in plain words, and what stands for its amount where nothing is paid in before.
const LAYERS = {
  defaulter_margin: ["The defaulter's margin", "its own"],
  defaulter_fund_share: ["The defaulter's share of the fund", "its own"],
  skin_in_the_game: ["First capital of the house", ""],
  survivors_fund: ["Default fund of the others", ""],
  assessments: ["Further calls on members", "on call"],
  gains_haircut: ["A cut of others' gains", "no fund"],
  tear_up: ["Contracts are ended", "no fund"],
  equity: ["Equity of the house", ""],
  insurance_fund: ["Insurance fund", ""],
  deleveraging: ["The other side is closed out", "no fund"],
};

export class Clearing {
  #told = null;
  #part = part(() => this.#draw());

  constructor(venue) {
    venue.follow("clearing.statistics", (told) => {
      this.#told = told;
      redraw(this.#part);
    });
  }

  #draw() {
    const { cover, currency, margin, open_interest: open, waterfall } = this.#told;
    const money = (value) => `${amount(value)} ${currency}`;
    put(find("cover"), COVERS[cover] ?? "No regime is in force yet.");
    figures(find("clearing-figures"), [
      ["Open interest", money(worth(open, currency))],
      ["In escrow", money(this.#told.escrow)],
      ["Held for orders", money(this.#told.held_for_orders)],
      ["Defaults", number(this.#told.defaults)],
      ...(margin ? this.#margin(margin, money) : []),
    ]);
    rows(find("open").tBodies[0], open, () => tableRow(3), (row, one) => {
      const [name, size, value] = row.children;
      put(name, one.instrument_name);
      put(size, number(one.amount, DIGITS));
      put(value, one.currency === currency ? amount(one.value) : `${amount(one.value)} ${one.currency}`);
    });
    find("waterfall").hidden = !waterfall.length;
    drawWaterfall(find("waterfall").querySelector("ol"), waterfall);
  }

  #margin(told, money) {
    return [
      ["Collateral", money(told.collateral)],
      ["Initial margin", money(told.initial_margin)],
      ["Default fund", money(told.default_fund)],
      ["Margin calls", `${number(told.calls_open)} open, ${number(told.calls_so_far)} so far`],
      ["Being closed out", number(told.closed_out)],
    ];
  }
}

/** What is open in one currency; two of them make no sum. */
function worth(open, currency) {
  return open.reduce((sum, one) => (one.currency === currency ? sum + one.value : sum), 0);
}

function drawWaterfall(list, layers) {
  const most = Math.max(1, ...layers.map((one) => one.amount ?? 0));
  bars(list, layers.map(({ layer, amount: there, used }) => {
    const [name, otherwise] = LAYERS[layer] ?? [plain(layer), ""];
    const text = there === null ? otherwise : amount(there);
    return { name, text: used ? `${text}, ${amount(used)} used` : text, share: (there ?? 0) / most };
  }));
}
