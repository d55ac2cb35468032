/* One instrument: its price, its book, its trades and its chart. */

import { drawChart, Line } from "./chart.js";
import { find, part, put, redraw, rows, tableRow } from "./screen.js";
import { orElse, unlessGone } from "./venue.js";
import { amount, digitsOf, number, percent, plain, seconds } from "./words.js";

const DEPTH = 10; // levels of a side
const TRADES = 20; // that are listed
const FETCHED = 1_000; // trades that the chart begins with
const CHART_PAUSE = 200; // milliseconds between two drawings: five in a second
const LISTED_PAUSE = 1_000; // milliseconds until what has become of instruments is asked for

export class Market {
  #venue;
  #clock;
  #instruments = new Map();
  #name = "";
  #span = 15;
  #listing = 0; // a timer
  #ticker = null;
  #book = null;
  #trades = [];
  #sequence = 0; // of the last trade that was taken in
  #traded = new Line();
  #index = new Line();

  #chart = part(() => this.#drawChart(), CHART_PAUSE);
  #figures = part(() => this.#drawFigures());
  #ladder = part(() => this.#drawBook());
  #tape = part(() => this.#drawTrades());

  constructor(venue, clock) {
    this.#venue = venue;
    this.#clock = clock;
    find("instrument").addEventListener("change", ({ target }) => this.#choose(target.value).catch(unlessGone));
    for (const span of document.querySelectorAll("input[name=span]")) {
      span.addEventListener("change", () => {
        this.#span = Number(span.value);
        this.#load().catch(unlessGone);
      });
    }
    new ResizeObserver(() => redraw(this.#chart)).observe(find("chart"));
    setInterval(() => redraw(this.#chart), 1000);
    venue.follow("instrument.state.any.any", () => {
      clearTimeout(this.#listing);
      this.#listing = setTimeout(() => this.begin().catch(unlessGone), LISTED_PAUSE);
    });
  }

  /** A new connection, or something was listed or has ended. */
  async begin() {
    const listed = await this.#venue.ask("public/get_instruments", { currency: "any" });
    this.#instruments = new Map(listed.map((one) => [one.instrument_name, one]));
    const choice = find("instrument");
    rows(choice, listed, () => document.createElement("option"), (option, { instrument_name: name }) => {
      option.value = name;
      put(option, name);
    });
    const wanted = this.#instruments.has(this.#name) ? this.#name : listed[0]?.instrument_name;
    if (!wanted) return;
    choice.value = wanted;
    if (wanted === this.#name) await this.#load();
    else await this.#choose(wanted);
  }

  async #choose(name) {
    for (const channel of this.#channels()) this.#venue.leave(channel);
    this.#name = name;
    this.#ticker = this.#book = null;
    this.#trades = [];
    this.#traded.begin([]);
    this.#index.begin([]);
    const [book, trades, ticker] = this.#channels();
    this.#venue.follow(book, (told) => this.#takeBook(told));
    this.#venue.follow(trades, (told) => this.#takeTrades(told));
    this.#venue.follow(ticker, (told) => this.#takeTicker(told));
    this.#redrawAll();
    await this.#load();
  }

  #channels() {
    const name = this.#name;
    return name ? [`book.${name}.none.${DEPTH}.100ms`, `trades.${name}.100ms`, `ticker.${name}.100ms`] : [];
  }

  /** The past, as far as the chart shows it. */
  async #load() {
    const name = this.#name;
    const until = this.#clock.now();
    const [latest, candles, index] = await Promise.all([
      this.#venue.ask("public/get_last_trades_by_instrument", { instrument_name: name, count: FETCHED }),
      this.#venue.ask("public/get_tradingview_chart_data", {
        instrument_name: name,
        start_timestamp: Math.max(0, until - this.#span * 60_000),
        end_timestamp: until,
        resolution: "1",
      }),
      this.#venue.ask("public/get_index_chart_data", {
        index_name: this.#instruments.get(name).price_index,
        range: this.#span > 60 ? "1d" : "1h",
      }).catch(orElse([])), // money against money follows none
    ]);
    if (name !== this.#name) return; // another one was chosen in the meantime
    const trades = latest.trades.sort((one, other) => one.trade_seq - other.trade_seq);
    const first = trades[0]?.timestamp ?? Infinity;
    const closes = candles.ticks.map((tick, place) => [tick + 60_000, candles.close[place]]);
    this.#traded.begin([
      ...closes.filter(([at]) => at < first),
      ...trades.map((trade) => [trade.timestamp, trade.price]),
    ]);
    this.#index.begin(index);
    this.#trades = trades.slice(-TRADES).reverse();
    this.#sequence = trades.at(-1)?.trade_seq ?? 0;
    this.#redrawAll();
  }

  #takeBook(told) {
    this.#book = told;
    redraw(this.#ladder);
  }

  #takeTrades(told) {
    const fresh = told.filter((trade) => trade.trade_seq > this.#sequence);
    if (!fresh.length) return;
    this.#sequence = fresh.at(-1).trade_seq;
    for (const trade of fresh) this.#traded.add(trade.timestamp, trade.price);
    this.#trades = [...fresh.reverse(), ...this.#trades].slice(0, TRADES);
    redraw(this.#tape);
    redraw(this.#chart);
  }

  #takeTicker(told) {
    this.#ticker = told;
    this.#index.add(told.timestamp, told.index_price);
    redraw(this.#figures);
    redraw(this.#chart);
  }

  #redrawAll() {
    for (const one of [this.#chart, this.#figures, this.#ladder, this.#tape]) redraw(one);
  }

  // --- drawing ------------------------------------------------------------------------------------------

  get #terms() {
    return this.#instruments.get(this.#name);
  }

  #price(value) {
    return value ? number(value, digitsOf(this.#terms.tick_size)) : "–";
  }

  #amount(value) {
    return number(value, digitsOf(this.#terms.contract_size));
  }

  #drawFigures() {
    const told = this.#ticker;
    if (!told) return;
    const terms = this.#terms;
    const { best_bid_price: bid, best_ask_price: ask, stats } = told;
    put(find("last"), this.#price(told.last_price));
    put(find("unit"), terms.quote_currency);
    put(find("change"), stats.volume ? `${percent(stats.price_change)} in 24 h` : "");
    put(find("index"), number(told.index_price, digitsOf(terms.tick_size)));
    put(find("mark"), this.#price(told.mark_price));
    put(find("spread"), bid && ask ? `${number(((ask - bid) / ((ask + bid) / 2)) * 10_000, 1)} bp` : "–");
    put(find("volume"), `${amount(stats.volume_notional)} ${terms.quote_currency}`);
    const open = `${this.#amount(told.open_interest)} ${terms.base_currency}`;
    put(find("open-interest"), terms.kind === "spot" ? "none: owned outright" : open);
    put(find("state"), plain(told.state));
  }

  #drawBook() {
    const bids = this.#book?.bids ?? [];
    const asks = this.#book?.asks ?? [];
    const most = Math.max(together(bids).at(-1) ?? 0, together(asks).at(-1) ?? 0);
    this.#drawSide(".asks", asks, most, true);
    this.#drawSide(".bids", bids, most, false);
    const spread = bids.length && asks.length ? `Spread ${this.#price(asks[0][0] - bids[0][0])}` : "One side is empty";
    put(find("between"), bids.length || asks.length ? spread : "The book is empty");
  }

  /** The best prices of both sides meet in the middle. */
  #drawSide(side, levels, most, downwards) {
    const sums = together(levels);
    const list = levels.map(([price, size], place) => ({ price, size, sum: sums[place] }));
    if (downwards) list.reverse();
    rows(find("book").querySelector(side), list, () => tableRow(3), (row, level) => {
      const [price, size, sum] = row.children;
      put(price, this.#price(level.price));
      put(size, this.#amount(level.size));
      put(sum, this.#amount(level.sum));
      row.style.setProperty("--share", `${most ? (level.sum / most) * 100 : 0}%`);
    });
  }

  #drawTrades() {
    rows(find("trades").tBodies[0], this.#trades, () => tableRow(3), (row, trade) => {
      const [at, price, size] = row.children;
      row.className = trade.direction;
      put(at, seconds(trade.timestamp));
      put(price, `${trade.direction === "buy" ? "▲" : "▼"} ${this.#price(trade.price)}`);
      put(size, this.#amount(trade.amount));
    });
    find("no-trades").hidden = this.#trades.length > 0;
  }

  #drawChart() {
    if (!this.#terms) return;
    drawChart(find("chart"), {
      name: this.#name,
      traded: this.#traded,
      index: this.#index,
      until: this.#clock.now(),
      span: this.#span,
      step: this.#terms.tick_size,
    });
  }
}

/** Amounts summed from the best level outward. */
function together(levels) {
  let sum = 0;
  return levels.map(([, size]) => (sum += size));
}
