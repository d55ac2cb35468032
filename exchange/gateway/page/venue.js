/* The venue as a page knows it: one websocket, questions and their answers, and channels that are followed
   again whenever the connection had to be made anew. Nothing here knows what is shown. */

const BEAT = 10; // seconds of silence after which the venue asks whether we are there
const SILENCE = 2.5 * BEAT * 1000; // milliseconds after which it is taken to be gone
const WAITS = [500, 1000, 2000, 4000]; // milliseconds before the next attempt

/** What is asked of a venue that is not there. */
export class Gone extends Error {}

/** For promises that may fail because the venue is gone: it is asked again once it is back. */
export function unlessGone(error) {
  if (!(error instanceof Gone)) throw error;
}

/** For questions that the venue may refuse: what is taken for the answer then. */
export const orElse = (answer) => (error) => {
  if (error instanceof Gone) throw error;
  return answer;
};

export class Venue {
  #address;
  #tell;
  #begin;
  #socket = null;
  #number = 0;
  #attempts = 0;
  #heard = 0;
  #waiting = new Map(); // by the number of the question
  #followed = new Map(); // by channel

  /** `tell(standing)` hears of connecting, live and gone; `begin()` runs at each new connection. */
  constructor(address, tell, begin) {
    this.#address = address;
    this.#tell = tell;
    this.#begin = begin;
    setInterval(() => this.#watch(), 1000);
    this.#connect();
  }

  /** The result of a method, Gone, or an Error with the venue's own word. */
  ask(method, params = {}) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject(new Gone());
        return;
      }
      const id = ++this.#number;
      this.#waiting.set(id, { resolve, reject });
      this.#send(id, method, params);
    });
  }

  /** Hear of a channel until it is left, over as many connections as that takes. */
  follow(channel, listener) {
    this.#followed.set(channel, listener);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#subscribe([channel]);
  }

  leave(channel) {
    this.#followed.delete(channel);
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.ask("public/unsubscribe", { channels: [channel] }).catch(unlessGone);
    }
  }

  #connect() {
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    this.#heard = performance.now();
    socket.onopen = () => {
      this.#heard = performance.now();
      this.ask("public/set_heartbeat", { interval: BEAT }).catch(unlessGone);
      if (this.#followed.size) this.#subscribe([...this.#followed.keys()]);
      this.#begin();
    };
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = () => this.#lost(socket);
  }

  #subscribe(channels) {
    this.ask("public/subscribe", { channels }).catch(unlessGone);
  }

  #send(id, method, params) {
    this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  }

  #take(message) {
    this.#heard = performance.now();
    if (this.#attempts !== null) {
      this.#attempts = null; // it answers: the next loss is a new one
      this.#tell("live");
    }
    if (message.method === "subscription") {
      this.#followed.get(message.params.channel)?.(message.params.data);
    } else if (message.method === "heartbeat") {
      if (message.params.type === "test_request") this.ask("public/test").catch(unlessGone);
    } else {
      const asked = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error) asked?.reject(new Error(message.error.message));
      else asked?.resolve(message.result);
    }
  }

  #lost(socket) {
    if (socket !== this.#socket) return;
    for (const { reject } of this.#waiting.values()) reject(new Gone());
    this.#waiting.clear();
    this.#attempts ??= 0;
    this.#tell("gone");
    const wait = WAITS[Math.min(this.#attempts, WAITS.length - 1)];
    this.#attempts += 1;
    setTimeout(() => this.#connect(), wait * (0.75 + Math.random() / 2));
  }

  #watch() {
    const { readyState } = this.#socket;
    const dead = readyState === WebSocket.CLOSING || readyState === WebSocket.CLOSED;
    if (!dead && performance.now() - this.#heard > SILENCE) {
      const silent = this.#socket;
      silent.close();
      this.#lost(silent);
      silent.onclose = null;
    }
  }
}
