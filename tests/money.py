"""Short ways to say things about bank roubles and digital roubles; `BankedVenue` settles in bank roubles."""

from exchange.access.regime import CashRules
from exchange.cash.hours import BankingHours
from exchange.cash.terms import BankTerms, DigitalRoubleTerms
from exchange.clearing import accounts
from exchange.commands import (
    CreditWallet,
    DepositCash,
    FundHouse,
    HouseLayer,
    WithdrawCash,
)
from exchange.events import CashRequestRejected, CoinRequestRefused, Event
from exchange.instruments import Asset
from exchange.reasons import CashRefusal
from exchange.units import HOUR, MINUTE, AssetId, Money, WalletId
from matching.terms import ParticipantId
from tests.builders import RUBD, Venue, coin_terms

RUB, DRUB = AssetId("RUB"), AssetId("DRUB")
ACCOUNT = WalletId("venue-account")
PLATFORM = WalletId("venue-platform")
ASSETS = tuple(Asset(asset_id=asset_id, scale=2, title=asset_id) for asset_id in (RUBD, RUB, DRUB))
EVERY_DAY = tuple(range(7))
OFFICE = BankingHours(opens=6 * HOUR, closes=18 * HOUR, weekdays=EVERY_DAY)


def bank_terms(**changes: object) -> BankTerms:
    """A bank that takes a minute for a payment, round the clock unless told otherwise."""
    terms: dict[str, object] = {
        "asset_id": RUB, "bank": "First Harbour", "venue_wallets": (ACCOUNT,), "finality": MINUTE,
    }  # fmt: skip
    return BankTerms(**{**terms, **changes})  # type: ignore[arg-type]


def platform_terms(**changes: object) -> DigitalRoubleTerms:
    terms: dict[str, object] = {"asset_id": DRUB, "venue_wallets": (PLATFORM,)}
    return DigitalRoubleTerms(**{**terms, **changes})  # type: ignore[arg-type]


def rules_of(asset_id: AssetId, **more: object) -> CashRules:
    return CashRules(settlement_asset=asset_id, **more)  # type: ignore[arg-type]


def wallet_of(name: str) -> WalletId:
    return WalletId(f"wallet-{name}")


class MoneyVenue(Venue):
    """A venue that knows the domestic coin, bank roubles and digital roubles at once."""

    references = 0

    def __init__(self, *instruments, bank=None, platform=None, coin=None, **more) -> None:  # type: ignore[no-untyped-def]
        others = (bank or bank_terms(), platform or platform_terms())
        super().__init__(*instruments, coin=coin or coin_terms(), more_coins=others, assets=ASSETS, **more)

    def credit(self, wallet_id: WalletId, amount: Money, asset_id: AssetId = RUB) -> list[Event]:
        self.references += 1
        reference = f"payment-{self.references}"
        return self.tell(
            CreditWallet(asset_id=asset_id, wallet_id=wallet_id, amount=amount, reference=reference)
        )

    def bring_cash(self, name: ParticipantId, amount: Money, asset_id: AssetId = RUB) -> list[Event]:
        """Into the participant's own wallet, and on to the venue."""
        if asset_id == RUBD:
            return self.pay_in(name, amount)
        return self.credit(wallet_of(name), amount, asset_id) + self.deposit(name, amount, asset_id)

    def deposit(self, name: ParticipantId, amount: Money, asset_id: AssetId = RUB) -> list[Event]:
        return self.tell(DepositCash(participant_id=name, asset_id=asset_id, amount=amount))

    def withdraw(self, name: ParticipantId, amount: Money, asset_id: AssetId = RUB) -> list[Event]:
        return self.tell(WithdrawCash(participant_id=name, asset_id=asset_id, amount=amount))

    def fund(self, layer: HouseLayer, amount: Money, asset_id: AssetId = RUB) -> None:
        source = WalletId("house")
        if asset_id == RUBD:
            self.fund_house(layer, amount)
            return
        self.credit(source, amount, asset_id)
        self.tell(FundHouse(asset_id=asset_id, source=source, layer=layer, amount=amount))

    def cash(self, name: ParticipantId, asset_id: AssetId = RUB) -> Money:
        account = accounts.cash(name, asset_id)
        return int(self.state.ledger.available(account)) if account in self.state.ledger else 0

    def outside(self, name: str, asset_id: AssetId = RUB) -> Money:
        return int(self.state.holdings[asset_id].keeper.balance(wallet_of(name)))

    def house(self, layer: str, asset_id: AssetId) -> Money:
        account = accounts.layer(layer, asset_id)
        return int(self.state.ledger.posted(account)) if account in self.state.ledger else 0


def why(events: list[Event]) -> CashRefusal:
    """The reason for which the one command was refused."""
    (event,) = events
    assert isinstance(event, CashRequestRejected | CoinRequestRefused), event
    return event.reason
