// A websocket for Node before 22, which has none of its own: texts, pings and an end, and nothing else.
const { randomBytes } = require("node:crypto");

const TEXT = 1, CLOSE = 8, PING = 9, PONG = 10, LAST = 0x80, MASKED = 0x80;

module.exports = class WebSocket {
  constructor(url) {
    const { request } = require(url.startsWith("wss:") ? "node:https" : "node:http");
    const headers = {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    };
    this.parts = [];
    request(url.replace(/^ws/, "http"), { headers })
      .on("upgrade", (_, socket, head) => {
        this.socket = socket;
        this.unread = head;
        socket.on("data", (bytes) => this.read(bytes));
        socket.on("error", () => {}); // a close follows
        socket.on("close", () => this.onclose?.());
        this.onopen?.();
      })
      .on("response", () => this.onclose?.()) // it was refused
      .on("error", () => this.onclose?.())
      .end();
  }

  send(text) {
    this.write(TEXT, Buffer.from(text));
  }

  write(kind, body) {
    const size = body.length < 126 ? [body.length] : [126, body.length >> 8, body.length & 0xff]; // up to 64 kB
    const mask = randomBytes(4);
    const masked = body.map((byte, at) => byte ^ mask[at % 4]);
    size[0] |= MASKED;
    this.socket.write(Buffer.concat([Buffer.from([LAST | kind, ...size]), mask, masked]));
  }

  read(bytes) {
    this.unread = Buffer.concat([this.unread, bytes]);
    for (let frame; (frame = this.frame()); ) {
      if (frame.kind === PING) this.write(PONG, frame.body);
      else if (frame.kind === CLOSE) this.socket.end();
      else if (frame.kind !== PONG) {
        this.parts.push(frame.body);
        if (frame.last) this.onmessage?.({ data: Buffer.concat(this.parts.splice(0)).toString() });
      }
    }
  }

  // The next whole frame, taken out of what is unread; undefined if it has not come yet.
  frame() {
    const { unread } = this;
    if (unread.length < 2) return;
    const short = unread[1];
    const begins = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (unread.length < begins) return;
    const size = short < 126 ? short : short === 126 ? unread.readUInt16BE(2) : Number(unread.readBigUInt64BE(2));
    if (unread.length < begins + size) return;
    this.unread = unread.subarray(begins + size);
    const body = unread.subarray(begins, begins + size);
    return { last: unread[0] >= LAST, kind: unread[0] & 0xf, body };
  }
};
