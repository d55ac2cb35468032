"""The command `ringfence bot`: a shipped strategy trades on a live venue, over a socket as anybody's bot would."""

import asyncio
import signal
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scenarios.faults import told_as_sentences

if TYPE_CHECKING:
    from scenarios.bot import Bot

DEFAULT_URL = "ws://127.0.0.1:8899/ws/api/v2"
DEFAULT_INSTRUMENT = "BTC_RUBD-PERPETUAL"


def bot(
    strategy: Annotated[
        str, typer.Argument(help="noise_trader, value_trader, cautious_holder or market_maker.")
    ] = "market_maker",
    url: Annotated[str, typer.Option(help="The websocket of the venue.")] = DEFAULT_URL,
    keys: Annotated[
        Path | None, typer.Option(help="The file that `ringfence serve --keys` has written.")
    ] = None,
    account: Annotated[str, typer.Option(help="Which key of that file; the first if not given.")] = "",
    client_id: Annotated[
        str, typer.Option(envvar="RINGFENCE_CLIENT_ID", help="The key, without a file.")
    ] = "",
    secret: Annotated[str, typer.Option(envvar="RINGFENCE_SECRET", help="Its secret.")] = "",
    instrument: Annotated[str, typer.Option(help="What it trades.")] = DEFAULT_INSTRUMENT,
    exposure: Annotated[
        float | None,
        typer.Option(min=0, help="What it would hold at most, in roubles; as much as it has if not given."),
    ] = None,
    attention: Annotated[
        float, typer.Option(min=0.001, help="Seconds of the venue between two looks, on average.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Its dice.")] = 1,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Stop after so long; else at a signal.")
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option(help="The certificate to trust, for wss; `ringfence serve --tls` prints it."),
    ] = None,
) -> None:
    """Let a shipped strategy trade on a live venue until it is stopped, and tell what it has done."""
    with told_as_sentences():
        from scenarios.bot import STRATEGIES, Bot, BotTerms
        from scenarios.config.reading import ConfigurationError, nearest

        if strategy not in STRATEGIES:
            raise ConfigurationError(
                "ringfence bot", strategy, "is no strategy", nearest(strategy, STRATEGIES)
            )
        who, its_secret = _key_of(keys, account) if keys is not None else (client_id, secret)
        if not who:
            remedy = "name a file with --keys, or give --client-id and --secret"
            raise ConfigurationError("ringfence bot", "", "has no key to come in with", remedy)
        worth = None if exposure is None else round(exposure * 100)
        trader = Bot(BotTerms(strategy, instrument, seed, worth, attention), typer.echo)
        asyncio.run(_until_stopped(trader, url, who, its_secret, trust, seconds))
        for line in _told(trader):
            typer.echo(line)


def _key_of(keys: Path, account: str) -> tuple[str, str]:
    """Client id and secret of an account in a file of keys. Raises ConfigurationError."""
    from scenarios.config.reading import ConfigurationError, nearest

    found: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(keys.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if len(words) != 3:
            remedy = "each line is an account, its client id and its secret"
            raise ConfigurationError(str(keys), f"line {number}", "is no key", remedy)
        found[words[0]] = (words[1], words[2])
    if not found:
        raise ConfigurationError(str(keys), "", "has no keys", "let `ringfence serve --keys` write it")
    name = account or next(iter(found))
    if name not in found:
        raise ConfigurationError(str(keys), name, "is no account", nearest(name, found))
    return found[name]


async def _until_stopped(
    trader: "Bot", url: str, client_id: str, secret: str, trust: Path | None, seconds: float | None
) -> None:
    """Trade until a signal, or for so many seconds."""
    tls = ssl.create_default_context(cafile=str(trust)) if trust is not None else None
    loop = asyncio.get_running_loop()
    trading = loop.create_task(trader.trade(url, client_id, secret, tls))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, trading.cancel)
    if seconds is not None:
        loop.call_later(seconds, trading.cancel)
    with suppress(asyncio.CancelledError):
        await trading


def _told(trader: "Bot") -> Iterator[str]:
    heard = trader.heard
    yield (
        f"{heard['OrderAccepted']} orders accepted, {heard['OrderFilled']} fills, {heard['OrderCanceled']} canceled; "
        f"{trader.position:g} of {trader.terms.instrument} held"
    )
    for reason, count in trader.refused.most_common():
        yield f"refused {count} times: {reason}"
