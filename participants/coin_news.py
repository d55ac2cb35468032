"""What is said in public of a coin's issuer, and what a participant makes of it.

The only place that knows which event is good news and which is bad.
"""

from enum import StrEnum
from typing import ClassVar

from exchange.events import Event, IssuerPaused, IssuerUnpaused, PublicEvent, ReservesDisclosed
from exchange.instruments import PAR_PPM
from exchange.messages import Message
from exchange.units import AssetId


class Tone(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Beliefs(Message):
    """What a coin is worth to somebody, in millionths of par. All assumptions."""

    trust_ppm: int = 750_000  # in whoever says that it stands in for what is stuck
    risk_ppm: int = 500_000  # asked on top of each unit of loss that is expected
    wait_ppm: int = 5_000  # asked for a wait of unknown length, while nobody can redeem


class CoinNews:
    """What one participant knows of one coin. It must hear every event that it follows, in order."""

    follows: ClassVar[tuple[type[PublicEvent], ...]] = (IssuerPaused, IssuerUnpaused, ReservesDisclosed)

    def __init__(self, asset_id: AssetId) -> None:
        self._asset_id = asset_id
        self.shut = False  # redemption
        self.stuck_ppm = 0  # of the reserves
        self.covered = False

    def hear(self, event: Event) -> Tone | None:
        """Take in an event; None if it is about something else."""
        match event:
            case IssuerPaused() | IssuerUnpaused() if event.asset_id == self._asset_id:
                self.shut = isinstance(event, IssuerPaused)
                return Tone.BAD if self.shut else Tone.GOOD
            case ReservesDisclosed() if event.asset_id == self._asset_id:
                worse = event.stuck_ppm > self.stuck_ppm or (event.stuck_ppm > 0 and not event.covered)
                self.stuck_ppm, self.covered = event.stuck_ppm, event.covered
                return Tone.BAD if worse and not event.covered else Tone.GOOD
        return None

    def loss_ppm(self, beliefs: Beliefs) -> int:
        """What is expected to be lost of each coin: all that is stuck, or what is not trusted of the promise."""
        doubt = PAR_PPM - beliefs.trust_ppm if self.covered else PAR_PPM
        return min(self.stuck_ppm, PAR_PPM) * doubt // PAR_PPM

    def worth_ppm(self, beliefs: Beliefs) -> int:
        """What a coin is worth to somebody of such beliefs: par, less the loss, less what is asked for bearing it."""
        loss = self.loss_ppm(beliefs)
        wait = beliefs.wait_ppm if self.shut else 0
        return max(PAR_PPM - loss - loss * beliefs.risk_ppm // PAR_PPM - wait, 0)
