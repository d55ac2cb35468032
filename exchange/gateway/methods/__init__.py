"""The methods, in files by what they are about. To import this is to enter them all in the registry."""

from exchange.gateway.methods import (
    access,
    account,
    admin,
    cash,
    clearing,
    market,
    orders,
    quotes,
    regime,
    resume,
    session,
    simulation,
    trading,
    wallet,
)

__all__ = [
    "access",
    "account",
    "admin",
    "cash",
    "clearing",
    "market",
    "orders",
    "quotes",
    "regime",
    "resume",
    "session",
    "simulation",
    "trading",
    "wallet",
]
