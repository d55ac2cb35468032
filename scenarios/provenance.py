"""What a run is a function of: scenario, regime, seed, and the versions of what ran it. Never a clock."""

import platform
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import tomli_w

from exchange.messages import Message

_PACKAGES = ("numpy", "simpy", "msgspec", "pyarrow")


class Provenance(Message, tag=False):
    """Two runs with the same provenance have the same digest. The hashes are those of the resolved files."""

    scenario_id: str
    scenario_sha256: str
    regime_id: str
    regime_sha256: str
    seed: int
    ringfence: str
    python: str
    platform: str
    packages: dict[str, str]


def provenance_of(
    scenario_id: str, scenario: Mapping[str, Any], regime_id: str, regime: Mapping[str, Any], seed: int
) -> Provenance:
    """`scenario` and `regime` as their files say, with every default filled in."""
    return Provenance(
        scenario_id=scenario_id,
        scenario_sha256=_hash(scenario),
        regime_id=regime_id,
        regime_sha256=_hash(regime),
        seed=seed,
        ringfence=_ringfence(),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        packages={name: version(name) for name in _PACKAGES},
    )


def toml_text(resolved: Mapping[str, Any]) -> str:
    """A file's content as TOML, in its own order; a key whose value is None is left out."""
    return tomli_w.dumps(_stated(resolved))


def _stated(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _stated(part) for key, part in value.items() if part is not None}
    if isinstance(value, (list, tuple)):
        return [_stated(part) for part in value]
    return value


def _hash(resolved: Mapping[str, Any]) -> str:
    return sha256(toml_text(resolved).encode()).hexdigest()


def _ringfence() -> str:
    try:
        return version("ringfence")
    except PackageNotFoundError:
        return "not installed"  # run from a checkout
