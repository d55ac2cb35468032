// A market maker without a package: it bids and offers 5 basis points around the mark, anew whenever that has moved.
//
//     node docs/bots/quoter.js URL CLIENT_ID CLIENT_SECRET
const WebSocket = globalThis.WebSocket ?? require("./websocket.js"); // Node before 22 has none of its own
const NAME = "BTC_RUBD-PERPETUAL";
const [url, client_id, client_secret] = process.argv.slice(2);
const socket = new WebSocket(url);
const waiting = new Map();
let asked = 0, quoted = 0;

const ask = (method, params) =>
  new Promise((resolve, reject) => {
    const id = ++asked;
    waiting.set(id, ({ result, error }) => (error ? reject(Error(method + JSON.stringify(error))) : resolve(result)));
    socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  });

async function quote(mark) {
  if (Math.abs(mark - quoted) <= 0.0005 * mark) return;
  quoted = mark;
  await ask("private/cancel_all_by_instrument", { instrument_name: NAME });
  for (const [side, share] of [["buy", 0.9995], ["sell", 1.0005]]) {
    const price = Math.round((share * mark) / 100) * 100;
    await ask(`private/${side}`, { instrument_name: NAME, amount: 0.01, price, post_only: true });
  }
}

socket.onopen = async () => {
  await ask("public/auth", { grant_type: "client_credentials", client_id, client_secret });
  await ask("private/enable_cancel_on_disconnect", {});
  await ask("private/subscribe", { channels: [`ticker.${NAME}.100ms`, `user.trades.${NAME}.raw`] });
};
socket.onmessage = ({ data }) => {
  const { id, params, ...answer } = JSON.parse(data);
  if (id) waiting.get(id)(answer), waiting.delete(id);
  else if (params.channel.startsWith("ticker")) quote(params.data.mark_price);
  else for (const { direction, amount, price } of params.data) console.log(direction, amount, price);
};
socket.onclose = () => process.exit(1); // the venue has taken the orders off
