"""Chance: one stream a name, and draws of the right shape."""

from statistics import fmean, pstdev

from participants.chance import Dice, generator


def test_a_stream_is_a_function_of_seed_and_name_alone() -> None:
    first = generator(7, "ann").random(5).tolist()
    generator(7, "bob").random(100)
    assert generator(7, "ann").random(5).tolist() == first
    assert generator(7, "bob").random(5).tolist() != first
    assert generator(8, "ann").random(5).tolist() != first


def test_a_stream_never_changes() -> None:
    """The first draw of one stream, so that an upgrade of numpy that moved it would be seen."""
    assert generator(7, "ann").integers(0, 1_000_000, 3).tolist() == [675425, 65756, 721257]


def test_dice_draw_across_blocks_what_the_generator_draws() -> None:
    dice, block = Dice(generator(7, "ann")), generator(7, "ann").random(256).tolist()
    assert sorted(dice.uniform() for _ in range(256)) == sorted(block)
    assert 0.0 <= dice.uniform() < 1.0


def test_draws_have_the_right_shape() -> None:
    dice = Dice(generator(7, "ann"))
    integers = [dice.integer(1, 6) for _ in range(6_000)]
    assert set(integers) == {1, 2, 3, 4, 5, 6}
    assert all(850 < integers.count(face) < 1_150 for face in range(1, 7))
    waits = [dice.exponential() for _ in range(20_000)]
    assert min(waits) >= 0.0
    assert abs(fmean(waits) - 1.0) < 0.03
    normals = [dice.normal() for _ in range(20_000)]
    assert abs(fmean(normals)) < 0.03
    assert abs(pstdev(normals) - 1.0) < 0.03
