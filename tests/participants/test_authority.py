"""A script: each command at its time."""

import pytest

from exchange.commands import HaltInstrument, ResumeInstrument
from exchange.units import MINUTE
from participants.authority import Script
from tests.participants.builders import FUTURE, OPENS, Market

HALT, RESUME = HaltInstrument(instrument_id=FUTURE), ResumeInstrument(instrument_id=FUTURE)


def test_it_gives_each_command_at_its_time() -> None:
    script, view = Script([(OPENS + MINUTE, RESUME), (OPENS, HALT)]), Market().view
    assert script.first_wake() == OPENS
    assert script.decide(OPENS, (), view) == ([HALT], OPENS + MINUTE)
    assert script.decide(OPENS + MINUTE, (), view) == ([RESUME], None)


def test_steps_of_one_instant_keep_their_order() -> None:
    script = Script([(OPENS, RESUME), (OPENS, HALT)])
    assert script.decide(OPENS, (), Market().view).commands == [RESUME, HALT]


def test_woken_early_it_waits() -> None:
    script = Script([(OPENS, HALT)])
    assert script.decide(OPENS - 1, (), Market().view) == ([], OPENS)


def test_a_script_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="steps: a script needs at least one step"):
        Script([])


def test_it_speaks_as_much_earlier_as_its_line_takes() -> None:
    script = Script([(1_000, HALT)], line_ns=30)
    assert script.first_wake() == 970
    assert list(script.decide(970, (), Market().view).commands) == [HALT]
