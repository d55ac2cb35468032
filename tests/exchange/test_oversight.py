"""The road of the authority: what no venue can be founded on. The rest of it is told in stories."""

import pytest

from exchange.commands import (
    EstablishVenue,
    IndexTerms,
    SessionTerms,
    SettlementCycleTerms,
    SettlementModel,
)
from exchange.core import Exchange
from exchange.events import DirectiveRefused, VenueEstablished
from exchange.instruments import Asset
from exchange.units import WalletId
from tests.builders import BTC_RUB, OPENS, RUBD, VENUES, coin_terms


def index(**changes: object) -> IndexTerms:
    terms: dict[str, object] = {"index_id": BTC_RUB, "venues": VENUES, "weights_ppm": (250_000,) * 4}
    return IndexTerms(**{**terms, **changes})  # type: ignore[arg-type]


def session(opens: int, closes: int) -> SessionTerms:
    return SessionTerms(opens=OPENS + opens, closes=OPENS + closes)


def cycle(**changes: int) -> SettlementCycleTerms:
    return SettlementCycleTerms(**{"at": OPENS, "model": SettlementModel.DVP_3, **changes})  # type: ignore[arg-type]


def founding(**changes: object) -> EstablishVenue:
    terms: dict[str, object] = {
        "assets": (Asset(asset_id=RUBD, scale=2, title="coin"),),
        "indices": (index(),),
        "cash": (coin_terms(),),
        "sessions": (session(0, 10), session(10, 20)),
    }
    return EstablishVenue(**{**terms, **changes})  # type: ignore[arg-type]


def test_a_venue_may_open_at_once_and_close_and_open_in_one_instant() -> None:
    (founded,) = Exchange().handle(founding(), OPENS)
    assert isinstance(founded.event, VenueEstablished)


@pytest.mark.parametrize(
    ("terms", "explanation"),
    [
        ({"depth_interval": 0}, "depth_interval must be positive"),
        ({"indices": (index(interval=0),)}, "interval, fixing_samples and fixing_spacing must be positive"),
        ({"indices": (index(fixing_spacing=0),)}, "interval, fixing_samples and fixing_spacing"),
        ({"indices": (index(venues=VENUES[:3]),)}, "every venue is named once and has one weight"),
        ({"indices": (index(venues=(VENUES[0], *VENUES[:3])),)}, "every venue is named once"),
        ({"indices": (index(weights_ppm=(1, 1, 1, 0)),)}, "every weight must be positive"),
        ({"indices": (index(venues=(), weights_ppm=()),)}, "it needs venues"),
        ({"indices": (index(venues=(*VENUES[:3], "ringfence")),)}, "no trade of ours is part of an index"),
        ({"cash": (coin_terms(0),)}, "the venue needs wallets, each named once"),
        ({"cash": (coin_terms(venue_wallets=(WalletId("w"), WalletId("w"))),)}, "each named once"),
        ({"sessions": (session(-1, 10),)}, "sessions must lie ahead"),
        ({"sessions": (session(5, 5),)}, "close after they open"),
        ({"sessions": (session(0, 10), session(9, 20))}, "one after the other"),
        ({"sessions": (session(10, 20), session(0, 10))}, "one after the other"),
        ({"settlement_cycles": (cycle(at=OPENS - 1),)}, "settlement cycles must lie ahead"),
        ({"settlement_cycles": (cycle(lasts=-1),)}, "neither last nor penalise by less than nothing"),
        ({"settlement_cycles": (cycle(penalty_bp=-1),)}, "neither last nor penalise by less than nothing"),
    ],
)
def test_what_no_venue_can_be_founded_on_is_refused_before_anything_has_changed(
    terms: dict[str, object], explanation: str
) -> None:
    exchange = Exchange()
    (refused,) = exchange.handle(founding(**terms), OPENS)
    assert isinstance(refused.event, DirectiveRefused) and explanation in refused.event.explanation
    assert (exchange.next_due(), list(exchange.state.ledger.accounts())) == (None, [])
