"""A run that brings its files with it: whoever makes it needs nothing but the same version of ringfence."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from scenarios.cells import CellResult, RunCell
from scenarios.compare import Design, SourceFile
from scenarios.provenance import code_version, package_version

_MATTER = ("numpy",)  # packages whose version can change a digest


class OtherVersionError(Exception):
    """Who should make the run has another version than the one who asks."""


@dataclass(frozen=True)
class Carried:
    """A `RunCell` for one design: it knows the files of scenario and regimes by their sources. Picklable."""

    run_one: RunCell
    files: dict[str, SourceFile]  # by source
    versions: dict[str, str]  # of what asks

    @classmethod
    def by(cls, run_one: RunCell, design: Design) -> Self:
        files = {file.source: file for file in design.files}
        return cls(run_one, files, _versions())

    def __call__(self, scenario: str, regime: str, seed: int, population: int | None) -> CellResult:
        """Raises OtherVersionError before anything is run."""
        if (here := _versions()) != self.versions:
            raise OtherVersionError(
                f"the worker has {_told(here)}, and who asks has {_told(self.versions)}; "
                "install the same on both, for another version may make another day"
            )
        with TemporaryDirectory() as folder:
            day, rules = (
                _written(self.files[source], Path(folder, kind))
                for source, kind in ((scenario, "scenario"), (regime, "regime"))
            )
            return self.run_one(day, rules, seed, population)


def _written(file: SourceFile, folder: Path) -> str:
    folder.mkdir()
    path = folder / f"{file.name}.toml"
    path.write_text(file.text, encoding="utf-8")
    return str(path)


def _versions() -> dict[str, str]:
    return {"ringfence": code_version(), **{package: package_version(package) for package in _MATTER}}


def _told(versions: dict[str, str]) -> str:
    return ", ".join(f"{package} {version}" for package, version in versions.items())
