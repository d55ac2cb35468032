"""What is said in public of a coin's issuer, and what a participant makes of it.

The only place that knows which event is good news and which is bad. That the bank is closed over night is no news:
it matters to those who are in doubt.
"""

from enum import StrEnum
from typing import ClassVar

from exchange.cash.hours import BankingHours, is_open
from exchange.cash.issuer_states import IssuerState
from exchange.events import (
    Event,
    IssuerPaused,
    IssuerStateChanged,
    IssuerUnpaused,
    PublicEvent,
    RedemptionsProcessed,
    ReservesCoverSupply,
    ReservesDisclosed,
    ReserveStatusChanged,
    SupplyExceedsReserves,
)
from exchange.instruments import PAR_PPM
from exchange.messages import Message
from exchange.units import AssetId, Money, Time

_REDEEMS_IN = (IssuerState.ACTIVE, IssuerState.MINT_SUSPENDED)


class Tone(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Beliefs(Message):
    """What a coin is worth to somebody, in millionths of par. All assumptions."""

    trust_ppm: int = 750_000  # in whoever says that it stands in for what is stuck
    risk_ppm: int = 500_000  # asked on top of each unit of loss that is expected
    wait_ppm: int = 5_000  # asked in doubt, for waiting while nobody can redeem


class CoinNews:
    """What one participant knows of one coin. It must hear every event that it follows, in order."""

    follows: ClassVar[tuple[type[PublicEvent], ...]] = (
        IssuerPaused,
        IssuerUnpaused,
        IssuerStateChanged,
        ReservesDisclosed,
        ReserveStatusChanged,
        SupplyExceedsReserves,
        ReservesCoverSupply,
        RedemptionsProcessed,
    )

    def __init__(self, asset_id: AssetId, hours: BankingHours | None = None) -> None:
        """`hours`: in which the issuer redeems, by its terms."""
        self._asset_id = asset_id
        self._hours = hours
        self._paused = False
        self._stopped = False  # by the state that the issuer is in, beside a pause
        self._all_there = True  # of the reserves, whatever is said of them
        self._missing_ppm = 0  # of the supply, beyond all reserves
        self._queued: Money = 0
        self.stuck_ppm = 0  # of the reserves, by what was told last
        self.covered = False

    # --- what was said ------------------------------------------------------------------------------

    def hear(self, event: Event) -> Tone | None:
        """Take in an event; None if it is about something else, or says nothing new."""
        match event:
            case IssuerPaused(asset_id=self._asset_id):
                self._paused = True
                return Tone.BAD
            case IssuerUnpaused(asset_id=self._asset_id):
                self._paused = False
                return Tone.GOOD
            case IssuerStateChanged(asset_id=self._asset_id):
                return self._in_state(event.state)
            case ReservesDisclosed(asset_id=self._asset_id):
                return self._disclosed(event)
            case ReserveStatusChanged(asset_id=self._asset_id):
                return self._reserves_changed(event)
            case SupplyExceedsReserves(asset_id=self._asset_id):
                return self._missing(event.shortfall * PAR_PPM // max(event.supply, 1))
            case ReservesCoverSupply(asset_id=self._asset_id):
                return self._missing(0)
            case RedemptionsProcessed(asset_id=self._asset_id):
                return self._processed(event.queued)
        return None

    def _in_state(self, state: IssuerState) -> Tone | None:
        stopped_before, self._stopped = self._stopped, state not in _REDEEMS_IN
        if self._stopped:
            return Tone.BAD
        return Tone.GOOD if stopped_before else None

    def _disclosed(self, event: ReservesDisclosed) -> Tone:
        self.stuck_ppm, self.covered = event.stuck_ppm, event.covered
        return Tone.BAD if event.stuck_ppm and not event.covered else Tone.GOOD

    def _reserves_changed(self, event: ReserveStatusChanged) -> Tone:
        """What nobody can reach, or has lost, is covered by no promise that was made before."""
        out_of_reach = event.book - event.accessible
        stuck_ppm = out_of_reach * PAR_PPM // event.book if event.book else 0
        worse = stuck_ppm > self.stuck_ppm or event.lost > 0
        self.stuck_ppm, self._all_there = stuck_ppm, not out_of_reach
        self.covered = self.covered and not worse
        return Tone.BAD if worse else Tone.GOOD

    def _missing(self, share_ppm: int) -> Tone:
        worse, self._missing_ppm = share_ppm > self._missing_ppm, share_ppm
        return Tone.BAD if worse else Tone.GOOD

    def _processed(self, queued: Money) -> Tone | None:
        before, self._queued = self._queued, queued
        if queued > before:
            return Tone.BAD
        return Tone.GOOD if before and not queued else None

    # --- what follows -------------------------------------------------------------------------------

    def shut(self, now: Time) -> bool:
        """Whether nobody can redeem now."""
        return self._paused or self._stopped or not is_open(self._hours, now)

    @property
    def in_doubt(self) -> bool:
        """Whether anything is not as it should be; the hours of the bank are."""
        stops = self._paused or self._stopped or self._queued > 0
        return stops or not self._all_there or self.stuck_ppm > 0 or self._missing_ppm > 0

    def loss_ppm(self, beliefs: Beliefs) -> int:
        """What is expected to be lost of each coin: all that is stuck or missing, or what is not trusted of the
        promise to cover it.
        """
        doubt = PAR_PPM - beliefs.trust_ppm if self.covered else PAR_PPM
        return min(self.stuck_ppm + self._missing_ppm, PAR_PPM) * doubt // PAR_PPM

    def worth_ppm(self, beliefs: Beliefs, now: Time) -> int:
        """What a coin is worth to somebody of such beliefs: par, less the loss, less what is asked for bearing it
        and for waiting.
        """
        loss = self.loss_ppm(beliefs)
        waits = self._queued > 0 or (self.in_doubt and self.shut(now))
        wait = beliefs.wait_ppm if waits else 0
        return max(PAR_PPM - loss - loss * beliefs.risk_ppm // PAR_PPM - wait, 0)
