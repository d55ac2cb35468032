"""What is installed only by those who use it: a sentence with the remedy where it is missing."""

from collections.abc import Iterator
from contextlib import contextmanager


class ExtraMissingError(ImportError):
    """Something was asked for that needs an extra, as a sentence with the command that installs it."""


@contextmanager
def extra(name: str, subject: str) -> Iterator[None]:
    """Around the imports of what the extra `name` brings. `subject` is what needs it, at the head of the sentence."""
    try:
        yield
    except ModuleNotFoundError as fault:
        raise ExtraMissingError(
            f"{subject} needs {fault.name}, which is not installed; "
            f"install it with `pip install 'ringfence[{name}]'`."
        ) from None
