"""Who is let in, what they may do and within which caps: the shipped regimes, on both sides of each gate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.access.caps import capital_at_risk_limit, own_funds_limit, tightest
from exchange.access.classes import classify, counted_assets, explain, shadows
from exchange.access.permissions import refusal
from exchange.access.regime import (
    AccessClass,
    Applicant,
    ApplicantKind,
    AssetCounting,
    Caps,
    CashRules,
    Criterion,
    InstitutionRule,
    MarketRules,
    Permission,
    Regime,
    RegimeStatus,
    roubles,
)
from exchange.instruments import Product
from exchange.reasons import RejectReason
from exchange.units import AssetId
from scenarios.config.regime_file import load_regime, shipped_regimes

INDIVIDUAL, COMPANY, INSTITUTION = ApplicantKind
SUPER, QUALIFIED, OPEN = "ru_elr_super_2025", "ru_derivs_qual_2025", "ru_open_counterfactual"
MILLION = 1_000_000_00  # roubles, in kopecks


def person(assets: int = 0, *incomes: int, test: bool = False) -> Applicant:
    return Applicant(
        kind=INDIVIDUAL, securities_and_deposits=assets, incomes=incomes, knowledge_test_passed=test
    )


def a_class(
    *any_of: Criterion,
    class_id: str = "some",
    permission: Permission = Permission.ALLOWED,
    caps: Caps = Caps(),  # noqa: B008
) -> AccessClass:
    return AccessClass(
        class_id=class_id,
        title=class_id.title(),
        any_of=any_of or (Criterion(),),
        permissions=dict.fromkeys(Product, permission),
        caps=caps,
    )


def a_regime(
    *classes: AccessClass,
    test_environment: bool = True,
    counting: AssetCounting = AssetCounting(),  # noqa: B008
    institutions: InstitutionRule = InstitutionRule(),  # noqa: B008
) -> Regime:
    return Regime(
        regime_id="a",
        title="A",
        jurisdiction="Nowhere",
        status=RegimeStatus.COUNTERFACTUAL,
        valid_from="",
        valid_to="",
        sources=(),
        assumptions=(),
        test_environment=test_environment,
        asset_counting=counting,
        classes=classes,
        institutions=institutions,
        market=MarketRules(),
        cash=CashRules(settlement_asset=AssetId("RUBD")),
        offshore_share_bp=0,
    )


@pytest.mark.parametrize(
    ("regime_id", "applicant", "class_id"),
    [
        # more than 100,000,000 RUB of assets, or more than 50,000,000 RUB of income
        (SUPER, person(100 * MILLION), None),
        (SUPER, person(100 * MILLION + 1), "super_individual"),
        (SUPER, person(0, 50 * MILLION), None),
        (SUPER, person(0, 50 * MILLION + 1), "super_individual"),
        (SUPER, person(0, 1, 50 * MILLION + 1), None),  # the year before does not help
        (SUPER, person(99 * MILLION, 49 * MILLION, test=True), None),
        (SUPER, Applicant(kind=COMPANY, securities_and_deposits=500 * MILLION), None),
        (SUPER, Applicant(kind=COMPANY, qualified_by_law=True), "qualified_company"),
        (SUPER, Applicant(kind=INSTITUTION), "institution"),
        # at least 12,000,000 RUB, or 6,000,000 with the test; income the same in each of two years
        (QUALIFIED, person(12 * MILLION - 1), None),
        (QUALIFIED, person(12 * MILLION), "qualified_individual"),
        (QUALIFIED, person(6 * MILLION), None),
        (QUALIFIED, person(6 * MILLION, test=True), "qualified_individual"),
        (QUALIFIED, person(6 * MILLION - 1, test=True), None),
        (QUALIFIED, person(0, 12 * MILLION), None),  # one year is not two
        (QUALIFIED, person(0, 12 * MILLION, 12 * MILLION), "qualified_individual"),
        (QUALIFIED, person(0, 12 * MILLION, 12 * MILLION - 1), None),
        (QUALIFIED, person(0, 6 * MILLION, 6 * MILLION, test=True), "qualified_individual"),
        (QUALIFIED, person(0, 6 * MILLION, 6 * MILLION - 1, test=True), None),
        (QUALIFIED, person(0, 12 * MILLION, 12 * MILLION, 0), "qualified_individual"),
        (QUALIFIED, Applicant(kind=COMPANY), None),
        (QUALIFIED, Applicant(kind=INSTITUTION), "institution"),
        (OPEN, person(), "everyone"),
        (OPEN, Applicant(kind=COMPANY), "everyone"),
        (OPEN, Applicant(kind=INSTITUTION), "everyone"),
    ],
)
def test_the_class_of_an_applicant(regime_id: str, applicant: Applicant, class_id: str | None) -> None:
    access_class = classify(applicant, load_regime(regime_id))
    assert (access_class.class_id if access_class else None) == class_id


def test_crypto_does_not_make_a_super_investor() -> None:
    crypto_rich = Applicant(kind=INDIVIDUAL, crypto_assets=900 * MILLION)
    assert classify(crypto_rich, load_regime(SUPER)) is None


@pytest.mark.parametrize(
    ("crypto", "counting", "counted"),
    [
        (100_01, AssetCounting(), 0),
        (100_01, AssetCounting(crypto_share_bp=5_000), 50_00),  # half of 100.01, the half kopeck dropped
        (100_01, AssetCounting(crypto_share_bp=10_000), 100_01),
        (400_00, AssetCounting(crypto_share_bp=5_000, crypto_max=200_00), 200_00),
        (400_02, AssetCounting(crypto_share_bp=5_000, crypto_max=200_00), 200_00),
        (399_98, AssetCounting(crypto_share_bp=5_000, crypto_max=200_00), 199_99),
    ],
)
def test_how_much_crypto_counts_as_wealth(crypto: int, counting: AssetCounting, counted: int) -> None:
    applicant = Applicant(kind=INDIVIDUAL, securities_and_deposits=1_00, crypto_assets=crypto)
    assert counted_assets(applicant, counting) == 1_00 + counted


@pytest.mark.parametrize(
    ("criterion", "passes", "fails"),
    [
        (
            Criterion(deals_per_quarter_min=10),
            Applicant(kind=INDIVIDUAL, deals_per_quarter=10),
            Applicant(kind=INDIVIDUAL, deals_per_quarter=9),
        ),
        (
            Criterion(years_of_experience_min=2),
            Applicant(kind=INDIVIDUAL, years_of_experience=2),
            Applicant(kind=INDIVIDUAL, years_of_experience=1),
        ),
        (
            Criterion(qualified_by_law=True),
            Applicant(kind=INDIVIDUAL, qualified_by_law=True),
            Applicant(kind=INDIVIDUAL),
        ),
        (Criterion(knowledge_test=True), person(test=True), person()),
        (Criterion(kinds=(COMPANY, INSTITUTION)), Applicant(kind=COMPANY), person()),
    ],
)
def test_conditions_beside_wealth(criterion: Criterion, passes: Applicant, fails: Applicant) -> None:
    regime = a_regime(a_class(criterion))
    assert classify(passes, regime) is not None
    assert classify(fails, regime) is None


def test_the_first_class_that_fits_is_taken() -> None:
    rich = a_class(Criterion(assets_min=10), class_id="rich")
    anybody = a_class(class_id="anybody")
    assert classify(person(10), a_regime(rich, anybody)) is rich
    assert classify(person(10), a_regime(anybody, rich)) is anybody


def test_the_explanation_names_the_nearest_threshold_in_roubles() -> None:
    regime = load_regime(SUPER)
    assert explain(person(100 * MILLION, 10 * MILLION), regime) == (
        "The nearest class, “Especially qualified individual”, asks for assets of more than 100,000,000 RUB, "
        "but the assets that count are 100,000,000 RUB."
    )
    assert explain(person(20 * MILLION, 49 * MILLION + 50), regime) == (
        "The nearest class, “Especially qualified individual”, asks for an income of more than "
        "50,000,000 RUB in the last year, but the income shown is 49,000,000.50 RUB."
    )


def test_the_explanation_tells_a_missing_test_and_a_missing_year() -> None:
    regime = load_regime(QUALIFIED)
    assert explain(person(7 * MILLION), regime) == (
        "The nearest class, “Qualified individual”, asks for assets of at least 6,000,000 RUB "
        "and a passed knowledge test, but the knowledge test has not been passed."
    )
    assert "in each of the last 2 years, but the income shown for each of those years is 11,000,000 RUB" in (
        explain(person(0, 20 * MILLION, 11 * MILLION), a_regime(_two_years_of_income()))
    )


def _two_years_of_income() -> AccessClass:
    return a_class(Criterion(income_min=12 * MILLION, income_years=2))


def test_the_explanation_when_no_way_in_is_meant_for_the_applicant() -> None:
    regime = a_regime(a_class(Criterion(kinds=(INSTITUTION,))))
    assert explain(person(), regime) == "The regime “A” does not admit individuals."
    by_law = a_regime(a_class(Criterion(qualified_by_law=True, deals_per_quarter_min=5)))
    assert explain(person(), by_law) == (
        "The nearest class, “Some”, asks for at least 5 deals a quarter and the standing of a qualified "
        "investor by law, but 0 a quarter are shown and the applicant does not have it."
    )


SPOT_CLOSED, DENIED = RejectReason.SPOT_OUTSIDE_TEST_ENVIRONMENT, RejectReason.PRODUCT_NOT_PERMITTED
ONLY_REDUCE, TEST = RejectReason.REDUCE_ONLY, RejectReason.KNOWLEDGE_TEST_REQUIRED


@pytest.mark.parametrize(
    ("permission", "tested", "reducing", "reason"),
    [
        (Permission.ALLOWED, False, False, None),
        (Permission.DENIED, True, False, DENIED),
        (Permission.DENIED, True, True, DENIED),
        (Permission.REDUCE_ONLY, True, False, ONLY_REDUCE),
        (Permission.REDUCE_ONLY, False, True, None),
        (Permission.AFTER_TEST, False, False, TEST),
        (Permission.AFTER_TEST, False, True, None),
        (Permission.AFTER_TEST, True, False, None),
    ],
)
@pytest.mark.parametrize("product", Product)
def test_a_permission(
    permission: Permission, tested: bool, reducing: bool, reason: RejectReason | None, product: Product
) -> None:
    access_class = a_class(permission=permission)
    given = refusal(a_regime(access_class), access_class, product, person(test=tested), reducing=reducing)
    assert given is reason


@pytest.mark.parametrize(
    ("regime_id", "applicant", "future", "spot"),
    [
        (SUPER, person(200 * MILLION), None, None),
        (SUPER, Applicant(kind=INSTITUTION), None, None),
        (QUALIFIED, person(200 * MILLION), None, SPOT_CLOSED),
        (QUALIFIED, Applicant(kind=INSTITUTION), None, SPOT_CLOSED),
        (OPEN, person(), None, None),
    ],
)
def test_what_the_shipped_regimes_permit(
    regime_id: str, applicant: Applicant, future: RejectReason | None, spot: RejectReason | None
) -> None:
    regime = load_regime(regime_id)
    access_class = classify(applicant, regime)
    assert access_class is not None
    for reducing in (False, True):
        for derivative in (Product.FUTURE, Product.OPTION):
            assert refusal(regime, access_class, derivative, applicant, reducing=reducing) is future
        assert refusal(regime, access_class, Product.SPOT, applicant, reducing=reducing) is spot


def test_spot_outside_a_test_environment_is_told_before_the_class_is_asked() -> None:
    barred = a_class(permission=Permission.DENIED)
    outside = a_regime(barred, test_environment=False)
    assert refusal(outside, barred, Product.SPOT, person(), reducing=False) is SPOT_CLOSED
    assert refusal(outside, barred, Product.FUTURE, person(), reducing=False) is DENIED


def test_a_product_that_is_not_named_is_denied() -> None:
    silent = AccessClass(class_id="s", title="S", any_of=(Criterion(),), permissions={})
    assert refusal(a_regime(silent), silent, Product.FUTURE, person(), reducing=False) is DENIED


@pytest.mark.parametrize(
    ("caps", "assets", "limit"),
    [
        (Caps(), 1_000_00, None),
        (Caps(capital_at_risk=300_00), 1_000_00, 300_00),
        (Caps(share_of_assets_bp=1_000), 1_000_09, 100_00),  # a tenth of 1,000.09, rounded down
        (Caps(capital_at_risk=100_01, share_of_assets_bp=1_000), 1_000_00, 100_00),
        (Caps(capital_at_risk=99_99, share_of_assets_bp=1_000), 1_000_00, 99_99),
        (Caps(share_of_assets_bp=1_000), 0, 0),  # nothing declared, nothing to risk
    ],
)
def test_the_cap_of_a_class(caps: Caps, assets: int, limit: int | None) -> None:
    access_class = a_class(caps=caps)
    assert capital_at_risk_limit(access_class, person(assets), a_regime(access_class)) == limit


def test_the_caps_of_the_shipped_regimes() -> None:
    rich = person(200 * MILLION)
    limits = {}
    for regime_id in (SUPER, QUALIFIED, OPEN):
        regime = load_regime(regime_id)
        access_class = classify(rich, regime)
        assert access_class is not None
        limits[regime_id] = capital_at_risk_limit(access_class, rich, regime)
    assert limits == {SUPER: 20 * MILLION, QUALIFIED: None, OPEN: None}


def test_own_funds_of_an_institution() -> None:
    """E23: own funds 2,000m; the smaller of 1% and 50m is 20,000,000.00, of which 19,950,000.00 is used."""
    bank = Applicant(kind=INSTITUTION, own_funds=2_000 * MILLION)
    access_class = a_class(caps=Caps(capital_at_risk=50 * MILLION))
    regime = a_regime(access_class, institutions=InstitutionRule(cover_bp=10_000, exposure_cap_bp=100))
    limit = tightest(capital_at_risk_limit(access_class, bank, regime), own_funds_limit(bank, regime))
    assert limit == 20_000_000_00
    used = 19_950_000_00
    assert used + 50_000_00 <= limit
    assert used + 50_000_01 > limit


@pytest.mark.parametrize(
    ("rule", "limit"),
    [
        (InstitutionRule(cover_bp=None, exposure_cap_bp=None), None),
        (InstitutionRule(cover_bp=10_000), 2_000_03),
        (InstitutionRule(cover_bp=20_000), 1_000_01),  # two roubles for each at risk: 1,000.015, rounded down
        (InstitutionRule(cover_bp=None, exposure_cap_bp=100), 20_00),
        (InstitutionRule(cover_bp=1_000_000, exposure_cap_bp=200), 20_00),  # a hundred for one binds
    ],
)
def test_cover_and_exposure_cap(rule: InstitutionRule, limit: int | None) -> None:
    bank = Applicant(kind=INSTITUTION, own_funds=2_000_03)
    assert own_funds_limit(bank, a_regime(institutions=rule)) == limit
    assert own_funds_limit(person(2_000_03), a_regime(institutions=rule)) is None


def test_own_funds_under_the_shipped_regimes() -> None:
    bank = Applicant(kind=INSTITUTION, own_funds=2_000 * MILLION)
    limits = [own_funds_limit(bank, load_regime(regime_id)) for regime_id in (SUPER, QUALIFIED, OPEN)]
    assert limits == [20 * MILLION, 20 * MILLION, None]


@pytest.mark.parametrize(
    ("earlier", "later", "shadowed"),
    [
        (Criterion(assets_min=5), Criterion(assets_min=5), True),
        (Criterion(assets_min=5), Criterion(assets_min=4), False),
        (Criterion(assets_above=5), Criterion(assets_min=6), True),
        (Criterion(assets_above=5), Criterion(assets_min=5), False),
        (Criterion(income_min=5), Criterion(income_min=5, income_years=2), True),
        (Criterion(income_min=5, income_years=2), Criterion(income_min=9), False),
        (Criterion(assets_min=5), Criterion(income_min=5), False),
        (Criterion(assets_min=5, knowledge_test=True), Criterion(assets_min=9), False),
        (Criterion(assets_min=5), Criterion(assets_min=9, knowledge_test=True), True),
        (Criterion(), Criterion(qualified_by_law=True), True),
        (Criterion(kinds=(COMPANY,)), Criterion(), False),
        (Criterion(), Criterion(kinds=(COMPANY,)), True),
    ],
)
def test_a_class_that_can_never_be_reached(earlier: Criterion, later: Criterion, shadowed: bool) -> None:
    assert bool(shadows(a_class(later), [a_class(earlier)])) is shadowed


def test_classes_can_shadow_another_together() -> None:
    people = a_class(Criterion(kinds=(INDIVIDUAL,)), class_id="people")
    firms = a_class(Criterion(kinds=(COMPANY, INSTITUTION)), class_id="firms")
    assert shadows(a_class(), [people]) == []
    assert shadows(a_class(), [people, firms]) == [people, firms]


amounts = st.integers(0, 4)
criteria = st.builds(
    Criterion,
    kinds=st.sampled_from([(), (INDIVIDUAL,), (COMPANY, INSTITUTION)]),
    assets_min=st.none() | amounts,
    assets_above=st.none() | amounts,
    income_min=st.none() | st.integers(1, 4),
    income_years=st.integers(1, 2),
    knowledge_test=st.booleans(),
)
applicants = st.builds(
    Applicant,
    kind=st.sampled_from(ApplicantKind),
    securities_and_deposits=st.integers(0, 6),
    incomes=st.lists(st.integers(0, 6), max_size=3).map(tuple),
    knowledge_test_passed=st.booleans(),
)


@given(st.lists(criteria, min_size=1, max_size=3), st.lists(criteria, min_size=1, max_size=3), applicants)
def test_nobody_reaches_a_shadowed_class(
    earlier: list[Criterion], later: list[Criterion], applicant: Applicant
) -> None:
    first, second = a_class(*earlier, class_id="first"), a_class(*later, class_id="second")
    if shadows(second, [first]):
        taken = classify(applicant, a_regime(first, second))
        assert taken is None or taken is first


@given(st.lists(criteria, max_size=3), applicants)
def test_whoever_is_not_taken_gets_one_sentence(any_of: list[Criterion], applicant: Applicant) -> None:
    regime = a_regime(a_class(*any_of)) if any_of else a_regime()
    if classify(applicant, regime) is None:
        sentence = explain(applicant, regime)
        assert sentence.startswith("The ")
        assert sentence.endswith(".")
        assert "\n" not in sentence


@given(st.integers(0, 10**18), st.integers(1, 10**6), st.integers(0, 10**4))
def test_the_own_funds_limit_is_the_largest_amount_that_is_covered(funds: int, cover: int, cap: int) -> None:
    bank = Applicant(kind=INSTITUTION, own_funds=funds)
    rule = InstitutionRule(cover_bp=cover, exposure_cap_bp=cap)
    limit = own_funds_limit(bank, a_regime(institutions=rule))
    assert limit is not None

    def covered(capital_at_risk: int) -> bool:
        return cover * capital_at_risk <= funds * 10_000 and capital_at_risk * 10_000 <= funds * cap

    assert covered(limit)
    assert not covered(limit + 1)


def test_roubles_as_people_write_them() -> None:
    assert [roubles(0), roubles(50), roubles(1_234_567_00), roubles(1_000_07)] == [
        "0 RUB",
        "0.50 RUB",
        "1,234,567 RUB",
        "1,000.07 RUB",
    ]


def test_what_is_shipped() -> None:
    assert shipped_regimes() == [
        "eu_cfd_retail",
        "hk_pi_perps_2026",
        "jp_2x",
        QUALIFIED,
        "ru_derivs_qual_2026",
        SUPER,
        OPEN,
        "ru_prohibition",
        "ru_tiered_bill_2026",
        "sg_ai",
        "uk_ban_2021",
        "uk_cetn_2025",
        "us_dcm_ecp",
    ]


@pytest.mark.parametrize(
    ("regime_id", "applicant", "class_id"),
    [
        ("ru_derivs_qual_2026", person(24 * MILLION), "qualified_individual"),
        ("ru_derivs_qual_2026", person(24 * MILLION - 1), None),
        ("ru_derivs_qual_2026", person(12 * MILLION, test=True), "qualified_individual"),
        ("ru_tiered_bill_2026", person(24 * MILLION - 1), "everybody"),
        ("ru_prohibition", person(10_000 * MILLION), None),
        ("eu_cfd_retail", person(), "retail"),
        ("uk_ban_2021", person(10_000 * MILLION), None),
        ("uk_cetn_2025", person(10_000 * MILLION), "retail"),
        ("hk_pi_perps_2026", person(82 * MILLION), "professional"),
        ("hk_pi_perps_2026", person(82 * MILLION - 1), "retail"),
        ("jp_2x", person(), "individual"),
        ("us_dcm_ecp", person(800 * MILLION), "everybody"),
        ("us_dcm_ecp", person(800 * MILLION + 1), "eligible"),
        ("sg_ai", Applicant(kind=INDIVIDUAL, securities_and_deposits=110 * MILLION), "retail"),
        (
            "sg_ai",
            Applicant(
                kind=INDIVIDUAL, securities_and_deposits=110 * MILLION, crypto_assets=24 * MILLION + 100
            ),
            "accredited",
        ),
        (
            "sg_ai",
            Applicant(kind=INDIVIDUAL, securities_and_deposits=109 * MILLION, crypto_assets=1_000 * MILLION),
            "retail",
        ),
    ],
)
def test_on_which_side_of_each_gate(regime_id: str, applicant: Applicant, class_id: str | None) -> None:
    found = classify(applicant, load_regime(regime_id))
    assert (found and found.class_id) == class_id
