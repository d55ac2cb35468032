"""The list of planted bugs does not rot: each can still be planted, and the tests that are to catch it exist.

Whether they do is what `python -m tests.mutants` finds out.
"""

import pytest

from tests.mutants import MUTANTS, ROOT, Mutant, fault_in


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_bug_can_be_planted(mutant: Mutant) -> None:
    assert fault_in(mutant, ROOT) is None
    assert mutant.old != mutant.new


def test_bugs_have_names_of_their_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_a_bug_whose_text_is_gone_or_stands_twice_cannot_be_planted() -> None:
    gone, twice = (MUTANTS[0]._replace(old=old) for old in ("no such text", "self"))
    for mutant in (gone, twice):
        fault = fault_in(mutant, ROOT)
        assert fault is not None and "let it stand once" in fault
