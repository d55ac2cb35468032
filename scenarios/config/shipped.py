"""The files that come with the package: each goes by its id, and one of a user's own by its path."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from scenarios.config.reading import ConfigurationError, nearest


class Shipped:
    """A folder of TOML files inside the package, all of one kind."""

    def __init__(self, folder: str, kind: str) -> None:
        self._folder = files("scenarios") / folder
        self._kind = kind

    def ids(self) -> list[str]:
        """In alphabetical order."""
        names = (entry.name for entry in self._folder.iterdir())
        return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))

    def path(self, name_or_path: str) -> Path | Traversable:
        """The file of that id, or the file that is named. Raises ConfigurationError for neither."""
        if name_or_path.endswith(".toml") or "/" in name_or_path or Path(name_or_path).is_file():
            return Path(name_or_path)
        ids = self.ids()
        if name_or_path not in ids:
            raise ConfigurationError(
                f"“{name_or_path}”", "", f"is no shipped {self._kind}", nearest(name_or_path, ids)
            )
        return self._folder / f"{name_or_path}.toml"
