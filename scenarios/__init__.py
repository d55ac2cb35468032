"""Whole worlds: scenarios, regimes, runs, comparisons and reports.

For those who work in Python: `from scenarios import Regime, Scenario, compare, run`. Nothing is imported before it is
used.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios.in_code import Regime, Scenario
    from scenarios.lab import Compared, Run, compare, run

__all__ = ["Compared", "Regime", "Run", "Scenario", "compare", "run"]

_HOMES = {
    "Compared": "scenarios.lab",
    "Regime": "scenarios.in_code",
    "Run": "scenarios.lab",
    "Scenario": "scenarios.in_code",
    "compare": "scenarios.lab",
    "run": "scenarios.lab",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


class _Package(ModuleType):
    """Two modules have the names of two functions: `scenarios.run` and `scenarios.compare` stay the functions, even
    once the modules are imported, whose contents are had by `from scenarios.run import ...`.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
