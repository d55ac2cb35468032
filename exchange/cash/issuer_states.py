"""What the issuer of a coin does in which state, and who can bring it into another: two tables, and no more.

In a wind-down every holder is paid pro rata without asking, so there is nothing to ask for.
"""

from enum import StrEnum

from exchange.cash.terms import RoleName
from exchange.reasons import CashRefusal


class IssuerState(StrEnum):
    ACTIVE = "active"
    MINT_SUSPENDED = "mint_suspended"
    REDEMPTION_GATED = "redemption_gated"
    PAUSED = "paused"
    DEFAULT = "default"
    WIND_DOWN = "wind_down"


class Operation(StrEnum):
    MINT = "mint"
    TRANSFER = "transfer"
    REQUEST = "request"  # ask for redemption, or take back what has not been paid
    PAYOUT = "payout"
    DISTRIBUTE = "distribute"  # interest
    KEYS = "keys"  # freeze, unfreeze, take a minter away, change a role
    CONFIGURE_MINTER = "configure_minter"
    WIPE = "wipe"  # and reissue


class Answer(StrEnum):
    YES = "yes"
    NO = "no"
    BY_TERMS = "by_terms"  # as the coin's own terms say
    CLAIM = "claim"  # it is entered, and nothing is paid for it in this state
    FROM_THE_VENUE = "from_the_venue"  # only what the venue's wallets hand out to whom it belongs


_S, _A = IssuerState, Answer
_STATES = tuple(IssuerState)
_ROWS = {  # in the order of the states
    Operation.MINT: (_A.YES, _A.NO, _A.NO, _A.NO, _A.NO, _A.NO),
    Operation.TRANSFER: (_A.YES, _A.YES, _A.YES, _A.NO, _A.YES, _A.FROM_THE_VENUE),
    Operation.REQUEST: (_A.YES, _A.YES, _A.YES, _A.NO, _A.CLAIM, _A.NO),
    Operation.PAYOUT: (_A.YES, _A.YES, _A.BY_TERMS, _A.NO, _A.NO, _A.NO),
    Operation.DISTRIBUTE: (_A.YES, _A.YES, _A.YES, _A.NO, _A.NO, _A.NO),
    Operation.KEYS: (_A.YES, _A.YES, _A.YES, _A.YES, _A.YES, _A.YES),
    Operation.CONFIGURE_MINTER: (_A.YES, _A.YES, _A.YES, _A.NO, _A.NO, _A.NO),
    Operation.WIPE: (_A.BY_TERMS,) * len(_STATES),
}
ALLOWED: dict[tuple[Operation, IssuerState], Answer] = {
    (operation, state): answer
    for operation, row in _ROWS.items()
    for state, answer in zip(_STATES, row, strict=True)
}

REFUSED_IN: dict[IssuerState, CashRefusal] = {  # why an operation is refused that the state does not allow
    IssuerState.MINT_SUSPENDED: CashRefusal.MINTING_SUSPENDED,
    IssuerState.REDEMPTION_GATED: CashRefusal.REDEMPTION_GATED,
    IssuerState.PAUSED: CashRefusal.ISSUER_PAUSED,
    IssuerState.DEFAULT: CashRefusal.ISSUER_DEFAULTED,
    IssuerState.WIND_DOWN: CashRefusal.ISSUER_WINDING_DOWN,
}

CHANGES: dict[tuple[IssuerState, IssuerState], RoleName] = {  # whose key leads from one state to another
    (_S.ACTIVE, _S.MINT_SUSPENDED): RoleName.MASTER_MINTER,
    (_S.MINT_SUSPENDED, _S.ACTIVE): RoleName.MASTER_MINTER,
    (_S.ACTIVE, _S.REDEMPTION_GATED): RoleName.RESERVE_MANAGER,
    (_S.MINT_SUSPENDED, _S.REDEMPTION_GATED): RoleName.RESERVE_MANAGER,
    (_S.REDEMPTION_GATED, _S.ACTIVE): RoleName.RESERVE_MANAGER,
    (_S.REDEMPTION_GATED, _S.MINT_SUSPENDED): RoleName.RESERVE_MANAGER,
    **{(state, _S.DEFAULT): RoleName.ADMIN for state in _STATES[:4]},
    **{(state, _S.WIND_DOWN): RoleName.ADMIN for state in _STATES[:5]},
}
PAUSABLE = frozenset(_STATES) - {_S.PAUSED, _S.WIND_DOWN}  # a pause ends where it began
