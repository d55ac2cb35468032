/* The live page: who is connected to what, and the clock. Each section is in a file of its own. */

import { Access } from "./access.js";
import { Cash } from "./cash.js";
import { Clearing } from "./clearing.js";
import { Market } from "./market.js";
import { find, part, put, redraw } from "./screen.js";
import { orElse, unlessGone, Venue } from "./venue.js";
import { day, number, seconds } from "./words.js";

/** The time of the venue, told once and then reckoned on at its speed. */
class Clock {
  #told = { timestamp: Date.now(), speed: 1 };
  #at = performance.now();
  #face = part(() => this.#draw());
  #runs = false;

  constructor() {
    setInterval(() => redraw(this.#face), 1000);
  }

  set(told) {
    this.#told = told;
    this.#at = performance.now();
    this.#runs = true;
    redraw(this.#face);
  }

  stop() {
    this.#told = { ...this.#told, timestamp: this.now() };
    this.#at = performance.now();
    this.#runs = false;
  }

  /** Milliseconds since 1970. */
  now() {
    const passed = this.#runs ? performance.now() - this.#at : 0;
    return Math.round(this.#told.timestamp + passed * this.#told.speed);
  }

  #draw() {
    if (!this.#runs) return;
    const { speed } = this.#told;
    put(find("clock"), `${seconds(this.now())}, ${day(this.now())}${speed === 1 ? "" : `, ${number(speed)} times as fast`}`);
  }
}

const STANDINGS = {
  connecting: "Connecting to the venue",
  live: "Live",
  gone: "The venue is gone. Trying again",
};

function tell(standing) {
  const sign = find("standing");
  put(sign, STANDINGS[standing]);
  sign.dataset.state = standing;
  document.body.classList.toggle("stale", standing === "gone");
  if (standing !== "gone") return;
  clock.stop();
  put(find("session"), "not known");
}

async function begin() {
  const [told, rules] = await Promise.all([
    venue.ask("simulation/get_clock"),
    venue.ask("regime/get_market_rules").catch(orElse(null)), // none is in force
  ]);
  clock.set(told);
  put(find("session"), told.session_open ? "open" : "closed");
  put(find("regime"), rules ? rules.title : "A live venue");
  document.title = rules ? `${rules.title} – Ringfence, live` : "Ringfence, live";
  await Promise.all([market.begin(), access.begin()]);
}

const clock = new Clock();
const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/api/v2`;
const venue = new Venue(address, tell, () => begin().catch(unlessGone));
const market = new Market(venue, clock);
const access = new Access(venue);
new Clearing(venue);
new Cash(venue);
venue.follow("platform_state", ({ locked }) => put(find("session"), locked ? "closed" : "open"));
