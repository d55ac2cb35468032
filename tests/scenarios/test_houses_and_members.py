"""What a scenario file says of the house, its members and those who fail, and what becomes of it in the run."""

from pathlib import Path

import pytest

from exchange.access.regime import Regime
from exchange.commands import (
    DeclareDefault,
    FreezeParticipant,
    HouseLayer,
    ReinstateParticipant,
    SetCommitteePrice,
    SetLimit,
    SuspendParticipant,
    UnfreezeParticipant,
)
from exchange.events import (
    DefaultDeclared,
    FundContributionChanged,
    HouseFunded,
    LimitChanged,
    MemberAppointed,
    MemberChosen,
    ParticipantAdmitted,
    ParticipantState,
    ParticipantStateChanged,
    PortingOffered,
    RegimeAdopted,
)
from participants.population import PopulationTerms, draw_population
from scenarios.assembly import assemble, house_money
from scenarios.config.reading import ConfigurationError
from scenarios.config.regime_file import load_regime
from scenarios.config.scenario_file import load_world
from scenarios.provenance import toml_text
from scenarios.world import World
from tests.scenarios.small_worlds import MIDNIGHT, Kept, a_world, live, short_day

OPEN, RISK = "ru_open_counterfactual", "ru_open_counterfactual+risk"
FIRST = '[[directives]]\nat = 10:10:00\ndo = "freeze_venue_wallets"\norder_ref = "freeze order 1"\n'
MEMBERS = """
[house]
skin_in_the_game_rub = 1_000
equity_rub = 0
liquidity_rub = 3_000

[[members]]
id = "first"
own_funds_rub = 9_000_000_000
deposit_rub = 5_000_000
clients = 3

[[members]]
id = "second"
own_funds_rub = 9_000_000_000
deposit_rub = 5_000_000
clients_percent = 25
offers_to_port_rub = 700_000
demands_percent = 2.5

[links]
"""


def with_members(folder: Path, *changes: tuple[str, str]) -> World:
    text = MEMBERS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return a_world(folder, (FIRST, text + "\n" + FIRST))


def directed(folder: Path, line: str) -> World:
    """The short day with another first directive."""
    return a_world(folder, (FIRST, f"[[directives]]\nat = 10:10:00\n{line}\n"))


def risk() -> Regime:
    return load_regime(RISK)


# --- the house ------------------------------------------------------------------------------------------


def test_each_layer_gets_what_the_scenario_says_and_otherwise_what_the_regime_asks(tmp_path: Path) -> None:
    world = with_members(tmp_path)
    assert house_money(world, risk().clearing) == {
        HouseLayer.SKIN_IN_THE_GAME: 100_000,
        HouseLayer.SECOND_SKIN_IN_THE_GAME: 200_000_000,
        HouseLayer.FURTHER_AMOUNT: 200_000_000,
        HouseLayer.LIQUIDITY: 300_000,
    }
    crypto = load_regime("ru_open_counterfactual+risk_crypto").clearing
    assert house_money(world, crypto) == {
        HouseLayer.INSURANCE: 1_000_000_000,
        HouseLayer.LIQUIDITY: 300_000,
    }


def test_the_house_brings_it_before_anybody_enters_and_only_where_there_is_margin(tmp_path: Path) -> None:
    world = with_members(tmp_path)
    funded = live(world, RISK).events(HouseFunded)
    assert {event.layer: event.amount for event in funded} == house_money(world, risk().clearing)
    assert live(world, OPEN).events(HouseFunded) == []


def test_an_allowance_that_the_house_uses_up_is_a_sentence(tmp_path: Path) -> None:
    world = a_world(tmp_path, ("[coin]", "[coin]\nminter_allowance_rub = 1_000_000"))
    with pytest.raises(ConfigurationError, match="is used up before the house has its coins"):
        assemble(world, risk(), 1, Kept())


# --- members --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("regime", [OPEN, RISK])
def test_members_are_appointed_and_have_their_clients(tmp_path: Path, regime: str) -> None:
    """Three of the first member, and then a quarter of twenty of the second, in the order of the population."""
    kept = live(with_members(tmp_path), regime)
    assert [event.member_id for event in kept.events(MemberAppointed)] == ["first", "second"]
    chosen = [(event.participant_id, event.member_id) for event in kept.events(MemberChosen)]
    people = [one.participant_id for one in draw_population(1, PopulationTerms(size=20))]
    assert chosen == [(who, "first") for who in people[:3]] + [(who, "second") for who in people[3:8]]
    (offer,) = kept.events(PortingOffered)
    assert (offer.participant_id, offer.most_margin) == ("second", 70_000_000)
    assert bool(kept.events(FundContributionChanged)) == (regime == RISK)


def test_a_member_keeps_its_clients_as_the_file_says(tmp_path: Path) -> None:
    world = with_members(tmp_path, ("clients = 3", 'clients = 3\nsegregation = "omnibus"'))
    kept = live(world, RISK)
    assert [event.segregation for event in kept.events(MemberAppointed)] == ["omnibus", "individual"]
    with pytest.raises(ConfigurationError, match="segregation"):
        with_members(tmp_path, ("clients = 3", 'clients = 3\nsegregation = "pooled"'))


def test_a_member_that_declines_a_client_is_a_sentence(tmp_path: Path) -> None:
    world = with_members(tmp_path, ("clients = 3", "clients = 3\nmost_clients = 2"))
    with pytest.raises(ConfigurationError) as caught:
        live(world, RISK)
    assert caught.value.key == "members.first"
    assert "as a client: the member has 2 clients, and no room; raise own_funds_rub or most_clients" in str(
        caught.value
    )


def test_who_is_refused_by_the_regime_is_nobodys_client(tmp_path: Path) -> None:
    world = with_members(
        tmp_path, ("clients = 3", "clients = 1"), ("clients_percent = 25", "clients_percent = 95")
    )
    kept = live(world, "ru_derivs_qual_2025")
    inside = {event.participant_id for event in kept.events(ParticipantAdmitted)}
    chosen = {event.participant_id for event in kept.events(MemberChosen)}
    assert chosen == inside - {"maker_alpha", "first", "second"}
    assert 0 < len(chosen) < 20


def test_a_member_whom_the_regime_refuses_is_a_sentence(tmp_path: Path) -> None:
    closed = tmp_path / "closed.toml"
    text = toml_text(
        {
            "id": "closed", "title": "For people alone", "jurisdiction": "Nowhere", "status": "proposed",
            "test_environment": False, "offshore_share_percent": 0,
            "classes": [{"id": "people", "title": "People", "any_of": [{"kinds": ["individual"]}],
                         "permissions": {"future": "allowed"}}],
            "market": {"self_trade_prevention": "cancel_resting"},
            "cash": {"settlement_asset": "RUBD", "gate": "pro_rata"},
            "assumptions": [{"key": "offshore_share_percent", "reason": "A test."}],
        }
    )  # fmt: skip
    closed.write_text(text, encoding="utf-8")
    maker = '[[makers]]\nid = "maker_alpha"\ndeposit_rub = 60_000_000\nown_funds_rub = 9_000_000_000\n'
    world = a_world(tmp_path, (maker, ""), (FIRST, MEMBERS + FIRST))
    with pytest.raises(ConfigurationError, match=r"members\.first is not let in by the regime"):
        assemble(world, load_regime(str(closed)), 1, Kept())


@pytest.mark.parametrize(
    ("old", "new", "key", "sentence"),
    [
        ('id = "second"', 'id = "first"', "members", "share an id, or have that of a maker"),
        ('id = "second"', 'id = "maker_alpha"', "members", "share an id, or have that of a maker"),
        ("clients = 3", "clients = 21", "members", "have 26 clients, and the population is 20"),
        (
            "clients = 3",
            "clients = 3\nclients_percent = 5",
            "members.first.clients_percent",
            "only one can hold",
        ),
        ("equity_rub = 0", "equity_rub = -1", "house.equity_rub", "must lie between 0"),
        ("equity_rub", "equty_rub", "house.equty_rub", "the nearest that is valid is “equity_rub”"),
        ("700_000", "-1", "members.second.offers_to_port_rub", "must lie between 0"),
    ],
)
def test_the_sentence_for_each_fault(tmp_path: Path, old: str, new: str, key: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        with_members(tmp_path, (old, new))
    assert caught.value.key == key
    assert sentence in str(caught.value)


def test_what_a_scenario_says_reads_back_as_the_same(tmp_path: Path) -> None:
    world = with_members(tmp_path)
    again = tmp_path / "again.toml"
    again.write_text(toml_text(world.resolved), encoding="utf-8")
    assert load_world(str(again)) == world


# --- people and makers with less money than they may lose -----------------------------------------------


def test_people_may_bring_a_part_and_are_the_same_people(tmp_path: Path) -> None:
    whole = a_world(tmp_path)
    part = a_world(tmp_path, ("size = 20", "size = 20\ndeposit_percent = 25"))
    for one, other in zip(
        draw_population(1, whole.population), draw_population(1, part.population), strict=True
    ):
        assert other.desired_exposure == one.desired_exposure
        assert abs(4 * other.deposit - one.deposit) <= 400  # both are whole roubles
    assert load_world(
        str(short_day(tmp_path, ("size = 20", "size = 20\ndeposit_percent = 25"))), 7
    ).population == (PopulationTerms(size=7, deposit_min=1.05 * 0.25, deposit_max=1.60 * 0.25))


def test_a_maker_may_hold_more_than_a_third_of_its_deposit(tmp_path: Path) -> None:
    world = a_world(
        tmp_path, ("deposit_rub = 60_000_000", "deposit_rub = 60_000_000\ninventory_rub = 90_000_000")
    )
    (maker,) = world.makers
    assert (maker.profile.deposit, maker.profile.desired_exposure) == (6_000_000_000, 9_000_000_000)


# --- directives -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ('do = "declare_default"\nparticipant = "maker_alpha"\ngrounds = "insolvent"',
         DeclareDefault(participant_id="maker_alpha", grounds="insolvent")),
        ('do = "suspend_participant"\nparticipant = "individual-00003"',
         SuspendParticipant(participant_id="individual-00003")),
        ('do = "reinstate_participant"\nparticipant = "company-00020"',
         ReinstateParticipant(participant_id="company-00020")),
        ('do = "freeze_participant"\nparticipant = "maker_alpha"\norder_ref = "order 7"',
         FreezeParticipant(participant_id="maker_alpha", order_ref="order 7")),
        ('do = "unfreeze_participant"\nparticipant = "maker_alpha"',
         UnfreezeParticipant(participant_id="maker_alpha", order_ref="order")),
        ('do = "set_limit"\nparticipant = "maker_alpha"\nlimit_rub = 0',
         SetLimit(participant_id="maker_alpha", limit=0)),
        ('do = "set_committee_price"\ninstrument = "BTC_RUBD-18DEC26"\nprice_rub = 7_000_050\ngrounds = "none other"',
         SetCommitteePrice(bucket_id="BTC_RUB@1797590700000000000:RUBD", price=70_000, grounds="none other")),
    ],
)  # fmt: skip
def test_each_directive_is_its_command(tmp_path: Path, line: str, command: object) -> None:
    (at, first), *_ = directed(tmp_path, line).directives
    assert first == command
    assert at == MIDNIGHT + 610 * 60 * 1_000_000_000


@pytest.mark.parametrize(
    ("line", "key", "sentence"),
    [
        ('do = "declare_default"\ngrounds = "x"', "directives.1.participant", "is missing for do = “declare_default”"),
        ('do = "declare_default"\nparticipant = "maker_alpha"', "directives.1.grounds", "add the key “grounds”"),
        ('do = "set_limit"\nparticipant = "maker_alpha"', "directives.1.limit_rub", "is missing for do = “set_limit”"),
        ('do = "pause_issuer"\nlimit_rub = 1', "directives.1.limit_rub", "does not go with do = “pause_issuer”"),
        ('do = "suspend_participant"\nparticipant = "maker_alfa"', "directives", "is no maker, no member and not of"),
        ('do = "suspend_participant"\nparticipant = "individual-00021"', "directives", "names individual-00021"),
        ('do = "set_committee_price"\nprice_rub = 1\ngrounds = "x"', "directives.1.instrument", "is missing for do"),
    ],
)  # fmt: skip
def test_a_directive_that_misses_something_or_has_too_much(
    tmp_path: Path, line: str, key: str, sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        directed(tmp_path, line)
    assert caught.value.key == key
    assert sentence in str(caught.value)


def test_a_declared_default_stops_the_maker_under_both(tmp_path: Path) -> None:
    world = directed(tmp_path, 'do = "declare_default"\nparticipant = "maker_alpha"\ngrounds = "insolvent"')
    for regime in (OPEN, RISK):
        kept = live(world, regime)
        (declared,) = kept.events(DefaultDeclared)
        assert (declared.defaulter, declared.grounds) == ("maker_alpha", "insolvent")
        (state,) = kept.events(ParticipantStateChanged)
        assert (state.participant_id, state.state) == ("maker_alpha", ParticipantState.DEFAULTED)


def test_a_limit_is_set_at_its_hour(tmp_path: Path) -> None:
    world = directed(tmp_path, 'do = "set_limit"\nparticipant = "maker_alpha"\nlimit_rub = 5_000')
    (changed,) = live(world).events(LimitChanged)
    assert (changed.participant_id, changed.limit) == ("maker_alpha", 500_000)


def test_a_regime_that_comes_into_force_later_leaves_the_clearing_as_it_is(tmp_path: Path) -> None:
    world = directed(tmp_path, 'do = "adopt_regime"\nregime = "ru_elr_super_2025"')
    adopted = [event.regime_id for event in live(world, RISK).events(RegimeAdopted)]
    assert adopted == ["ru_open_counterfactual_risk", "ru_elr_super_2025"]
