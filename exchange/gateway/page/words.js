/* Numbers, times and names as people read them. */

const LANGUAGE = "en-GB";
const formats = new Map();

function format(digits) {
  let found = formats.get(digits);
  if (!found) {
    found = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    formats.set(digits, found);
  }
  return found;
}

const SHORT = new Intl.NumberFormat(LANGUAGE, { notation: "compact", minimumFractionDigits: 1, maximumFractionDigits: 2 });

/** A number with so many decimals; a dash for none. */
export function number(value, digits = 0) {
  return value === null || value === undefined ? "–" : format(digits).format(value);
}

/** Millions and billions in a few characters; what is smaller, in full. */
export function amount(value) {
  return Math.abs(value) < 1e6 ? number(value) : SHORT.format(value).replace(/[a-z]+$/i, (unit) => ` ${unit.toLowerCase()}`);
}

/** How many decimals a step of 0.001 or 100 needs. */
export function digitsOf(step) {
  return step >= 1 ? 0 : Math.min(8, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
}

export function percent(value, digits = 2) {
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${number(Math.abs(value), digits)} %`;
}

function clock(options) {
  return new Intl.DateTimeFormat(LANGUAGE, { timeZone: "UTC", hourCycle: "h23", ...options });
}

const SECONDS = clock({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const MINUTES = clock({ hour: "2-digit", minute: "2-digit" });
const DAY = clock({ day: "numeric", month: "short", year: "numeric" });

export const seconds = (ms) => SECONDS.format(ms);
export const minutes = (ms) => MINUTES.format(ms);
export const day = (ms) => DAY.format(ms);

/** A name from the interface in plain words: `price_outside_band`. */
export const plain = (name) => name.replaceAll("_", " ");
