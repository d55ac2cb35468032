"""What a run is a function of: scenario, regime, seed, and the versions of what ran it. Never a clock."""

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import tomli_w

from exchange.messages import Message
from exchange.units import Time

_PACKAGES = ("numpy", "simpy", "msgspec", "pyarrow")


class Outside(Message, tag=False):
    """Bots that took part from outside, in lock-step: what they are made of is not known here."""

    step_ns: Time
    bots: tuple[str, ...]


class Provenance(Message, tag=False):
    """Two runs with the same provenance have the same digest, if bots from outside did the same in both. The hashes
    are those of the resolved files.
    """

    scenario_id: str
    scenario_sha256: str
    regime_id: str
    regime_sha256: str
    seed: int
    ringfence: str
    python: str
    platform: str
    packages: dict[str, str]
    outside: Outside | None = None


def provenance_of(
    scenario_id: str,
    scenario: Mapping[str, Any],
    regime_id: str,
    regime: Mapping[str, Any],
    seed: int,
    outside: Outside | None = None,
) -> Provenance:
    """`scenario` and `regime` as their files say, with every default filled in."""
    return Provenance(
        scenario_id=scenario_id,
        scenario_sha256=_hash(scenario),
        regime_id=regime_id,
        regime_sha256=_hash(regime),
        seed=seed,
        ringfence=code_version(),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        packages={name: package_version(name) for name in _PACKAGES},
        outside=outside,
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
    return sha256(toml_text(resolved))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_version() -> str:
    """The release, and the first digits of a hash over our own code: an edit makes another version."""
    seen = hashlib.sha256()
    for package in ("matching", "exchange", "participants", "scenarios"):
        for name, text in sorted(_modules(files(package), package)):
            seen.update(f"{name}\0".encode() + text + b"\0")
    return f"{package_version('ringfence')}+{seen.hexdigest()[:12]}"


def package_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "0"  # run from a checkout that is not installed


def _modules(folder: Traversable, name: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        path = f"{name}/{entry.name}"
        if entry.is_dir():
            found += _modules(entry, path)
        elif entry.name.endswith(".py"):
            found.append((path, entry.read_bytes()))
    return found
