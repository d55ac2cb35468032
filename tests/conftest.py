"""What all tests share: properties that are tried more often at night, garbage that is collected less often, Ctrl-C."""

import gc
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("night", max_examples=10 * settings.default.max_examples)


def pytest_configure() -> None:
    """Behind a `&` of a script Ctrl-C is not heard, nor by any program that is begun from there; tests are about it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests stay until the end: what was collected is no garbage, and is not looked at again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        gc.enable()
