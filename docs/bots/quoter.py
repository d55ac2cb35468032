"""A market maker in thirty lines: it bids and offers 5 basis points around the mark, anew whenever that has moved.

python docs/bots/quoter.py URL CLIENT_ID CLIENT_SECRET
"""

import asyncio
import sys

from participants.client import Client

NAME = "BTC_RUBD-PERPETUAL"


async def quote(url: str, client_id: str, secret: str) -> None:
    async with Client.connect(url, client_id, secret, cancel_on_disconnect=True) as venue:
        terms, quoted = await venue.instrument(NAME), 0.0
        async for told in venue.follow(f"ticker.{NAME}.100ms", f"user.trades.{NAME}.raw"):
            if told.channel.startswith("user.trades"):
                for trade in told.data:
                    print(trade["direction"], trade["amount"], trade["price"], flush=True)
                continue
            mark = told.data["mark_price"]
            if abs(mark - quoted) > 0.0005 * mark or told.missed:
                quoted = mark
                await venue.cancel_all(NAME)
                await venue.buy(NAME, 0.01, price=terms.nearest_price(0.9995 * mark), post_only=True)
                await venue.sell(NAME, 0.01, price=terms.nearest_price(1.0005 * mark), post_only=True)


asyncio.run(quote(*sys.argv[1:4]))
