"""Regime files: what is read from a good one, and the sentence that each kind of bad one gets."""

import json
import re
from datetime import date
from decimal import Decimal
from importlib.resources import as_file
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from exchange.access.regime import (
    Caps,
    CashRules,
    Criterion,
    Grade,
    InstitutionRule,
    Permission,
    Regime,
    RegimeStatus,
)
from exchange.instruments import Product
from exchange.messages import decode, encode
from scenarios.config.reading import ConfigurationError, check, key_paths, read_toml
from scenarios.config.regime_file import RegimeFile, load_regime, regime_path, regime_schema, shipped_regimes

GOOD = """
id = "a_regime"
title = "A regime"
jurisdiction = "Nowhere"
status = "proposed"
test_environment = true
offshore_share_percent = 12.5

[[classes]]
id = "wealthy"
title = "Wealthy"
any_of = [{ kinds = ["individual"], assets_min_rub = 12_000_000.50 }, { income_above_rub = 5_000 }]
permissions = { future = "allowed", spot = "allowed_after_test" }
caps = { capital_at_risk_rub = 1_000, share_of_assets_percent = 0.05 }

[[classes]]
id = "others"
title = "Others"
any_of = [{}]
permissions = { future = "reduce_only" }

[institutions]
cover_percent = 1250
exposure_cap_percent = 1

[market]
self_trade_prevention = "cancel_resting"

[cash]
settlement_asset = "RUBD"
gate = "first_come"

[[sources]]
label = "S1"
reference = "The law"
grade = "P"
keys = ["classes.wealthy", "institutions"]

[[assumptions]]
key = "offshore_share_percent"
reason = "Nobody has measured it."
"""


def written(folder: Path, text: str) -> str:
    file = folder / "regime.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def fault_of(folder: Path, text: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load_regime(written(folder, text))
    return caught.value


def test_a_good_file_in_kopecks_and_basis_points(tmp_path: Path) -> None:
    regime = load_regime(written(tmp_path, GOOD))
    wealthy, others = regime.classes
    assert wealthy.any_of[0].assets_min == 1_200_000_050
    assert wealthy.any_of[1] == Criterion(income_above=500_000)
    assert wealthy.caps == Caps(capital_at_risk=100_000, share_of_assets_bp=5)
    assert wealthy.permissions[Product.SPOT] is Permission.AFTER_TEST
    assert others.any_of == (Criterion(),)
    assert others.permissions == {Product.FUTURE: Permission.REDUCE_ONLY}
    assert regime.institutions == InstitutionRule(cover_bp=125_000, exposure_cap_bp=100)
    assert regime.offshore_share_bp == 1_250
    assert regime.status is RegimeStatus.PROPOSED
    assert (regime.valid_from, regime.valid_to) == ("", "")
    assert regime.sources[0].grade is Grade.PRIMARY


def test_no_institution_rule_and_no_crypto_unless_the_file_says_so() -> None:
    regime = load_regime("ru_open_counterfactual")
    assert regime.institutions == InstitutionRule(cover_bp=None, exposure_cap_bp=None)
    assert regime.asset_counting.crypto_share_bp == 0


def test_a_venue_may_name_what_it_falls_back_on(tmp_path: Path) -> None:
    plain = load_regime(written(tmp_path, GOOD)).cash
    assert (plain.fallback_asset, plain.halt_on_freeze) == (None, False)
    text = GOOD.replace("gate =", 'fallback_asset = "RUB"\nhalt_on_freeze = true\ngate =')
    assert load_regime(written(tmp_path, text)).cash == CashRules(
        settlement_asset=plain.settlement_asset, gate=plain.gate, fallback_asset="RUB", halt_on_freeze=True
    )


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        # unknown keys, and the nearest known one
        ("assets_min_rub", "asets_min_rub", "classes.wealthy.any_of.1.asets_min_rub", "“assets_min_rub”"),
        ("income_above_rub", "income_over_rub", "classes.wealthy.any_of.2.income_over_rub", "“income_above"),
        ("offshore_share_percent =", "offshore_percent =", "offshore_percent", "“offshore_share_percent”"),
        ("[market]", "[markets]", "markets", "“market”"),
        ("cover_percent", "cover_bp", "institutions.cover_bp", "“cover_percent”"),
        ("gate =", "zzz = 1\ngate =", "cash.zzz", "valid are “settlement_asset”, “profile”"),
        # a product, a permission, a kind, a status that do not exist
        (
            'future = "allowed"',
            'futures = "allowed"',
            "classes.wealthy.permissions.futures",
            "is not a name that is known here; the nearest that is valid is “future”",
        ),
        ('"allowed"', '"allow"', "classes.wealthy.permissions.future", "cannot be “allow”; the nearest that"),
        ('["individual"]', '["people"]', "classes.wealthy.any_of.1.kinds.1", "valid are “individual”, “comp"),
        ('"proposed"', '"propsed"', "status", "“proposed”"),
        ('"first_come"', '"first"', "cash.gate", "“first_come”"),
        ('"P"', '"X"', "sources.1.grade", "valid are “P”, “S”, “W”, “D”"),
        # missing
        ('jurisdiction = "Nowhere"', "", "jurisdiction", "is missing; add the key “jurisdiction”"),
        ('title = "Others"', "", "classes.others.title", "is missing"),
        ('id = "others"', "", "classes.2.id", "is missing"),
        ('reason = "Nobody has measured it."', "", "assumptions.1.reason", "is missing"),
        # wrong types
        (
            "test_environment = true",
            "test_environment = 1",
            "test_environment",
            "must be true or false, but is 1",
        ),
        ('title = "A regime"', "title = 5", "title", "must be a text, but is 5; put it in quotes"),
        ('title = "A regime"', 'title = ""', "title", "must not be empty"),
        (
            "12_000_000.50",
            '"12m"',
            "classes.wealthy.any_of.1.assets_min_rub",
            "number of roubles, but is “12m”",
        ),
        (
            "12_000_000.50",
            "true",
            "classes.wealthy.any_of.1.assets_min_rub",
            "number of roubles, but is true",
        ),
        ("any_of = [{}]", "any_of = {}", "classes.others.any_of", "must be a list, but is a table"),
        ("any_of = [{}]", "any_of = [1]", "classes.others.any_of.1", "must be a table, but is 1"),
        ("any_of = [{}]", "any_of = []", "classes.others.any_of", "must not be an empty list"),
        ("status =", 'valid_from = "soon"\nstatus =', "valid_from", "must be a date, but is “soon”"),
        # out of range, and never rounded
        ("12_000_000.50", "0", "classes.wealthy.any_of.1.assets_min_rub", "must lie between 0.01 and"),
        ("12_000_000.50", "-5", "classes.wealthy.any_of.1.assets_min_rub", "but is -5"),
        ("12_000_000.50", "1e15000", "classes.wealthy.any_of.1.assets_min_rub", "must lie between"),
        ("12_000_000.50", "nan", "classes.wealthy.any_of.1.assets_min_rub", "must lie between"),
        (
            "12_000_000.50",
            "1.005",
            "classes.wealthy.any_of.1.assets_min_rub",
            "has more than two decimals, 1.005",
        ),
        (
            "12_000_000.50",
            "12345678901234.00000000000000000000000001",
            "classes.wealthy.any_of.1.assets_min_rub",
            "nothing is rounded",
        ),
        ("= 0.05", "= 100.01", "classes.wealthy.caps.share_of_assets_percent", "between 0 and 100 percent"),
        ("= 12.5", "= 0.125", "offshore_share_percent", "more than two decimals"),
        (
            "cover_percent = 1250",
            "cover_percent = 0",
            "institutions.cover_percent",
            "between 0.01 and 10,000",
        ),
        (
            "[cash]",
            "max_requests_per_second = 0\n[cash]",
            "market.max_requests_per_second",
            "must be greater",
        ),
        ("[cash]", "max_requests_per_second = 2.0\n[cash]", "market.max_requests_per_second", "whole number"),
        ('"RUBD"', '"rubd"', "cash.settlement_asset", "must be upper-case"),
        ('id = "a_regime"', 'id = "A Regime"', "id", "must be lower-case letters"),
        # what is well formed and makes no sense
        (
            "{ income_above_rub = 5_000 }",
            "{ income_min_rub = 1, income_above_rub = 5_000 }",
            "classes.wealthy.any_of.2.income_above_rub",
            "only one of them can bind",
        ),
        (
            "{ income_above_rub = 5_000 }",
            "{ income_years = 2 }",
            "classes.wealthy.any_of.2.income_years",
            "no effect",
        ),
        ('id = "others"', 'id = "wealthy"', "classes.wealthy", "is the id of two classes"),
        (
            '[{ kinds = ["individual"], assets_min_rub = 12_000_000.50 }, { income_above_rub = 5_000 }]',
            "[{}]",
            "classes.others",
            "everybody it would take belongs to “wealthy” already; move it above “wealthy”",
        ),
        (
            "test_environment = true",
            "test_environment = false",
            "classes.wealthy.permissions.spot",
            "spot may only be traded in a test environment",
        ),
        ("status =", "prohibition = true\nstatus =", "classes", "must be empty in a prohibition"),
        (
            "status =",
            "valid_from = 2025-07-28\nvalid_to = 2025-07-27\nstatus =",
            "valid_to",
            "lies before valid_from, 2025-07-28",
        ),
        # sources and assumptions
        (
            'key = "offshore_share_percent"',
            'key = "offshore_share"',
            "assumptions.1.key",
            "“offshore_share”, which is not in this file; the nearest that is valid is “offshore_share_",
        ),
        ('"classes.wealthy"', '"classes.welthy"', "sources.1.keys", "“classes.wealthy”"),
        (
            'keys = ["classes.wealthy", "institutions"]',
            'keys = ["classes.wealthy"]',
            "institutions.cover_percent",
            "is a number without a source, and not flagged as assumed",
        ),
        (
            '"institutions"]',
            '"institutions", "offshore_share_percent"]',
            "offshore_share_percent",
            "stands in sources.1.keys and in assumptions.1.key, but is either sourced or assumed",
        ),
        (
            'key = "offshore_share_percent"\nreason = "Nobody has measured it."\n',
            'key = "title"\nreason = "x"\n[[sources]]\nlabel = "S2"\nreference = "A survey"\ngrade = "S"\n'
            'keys = ["offshore_share_percent"]\n',
            "sources.2.keys",
            "vouches for offshore_share_percent, which nobody has measured: it is always an assumption",
        ),
    ],
)
def test_a_fault_is_told_with_file_key_and_remedy(
    tmp_path: Path, old: str, new: str, key: str, words: str
) -> None:
    assert old in GOOD
    error = fault_of(tmp_path, GOOD.replace(old, new, 1))
    text = str(error)
    assert error.key == key
    assert text.startswith(f"{tmp_path / 'regime.toml'}: {key} ")
    assert words in text
    assert re.search(r"; .+\.$", text), "a sentence ends with its remedy"
    assert "\n" not in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id = \n", "is not valid TOML: Invalid value (at line 1"),
        ('id = "a"\nid = "b"\n', "is not valid TOML: Cannot overwrite a value (at line 2"),
        ("x = " + "9" * 5_000, "is not valid TOML"),
        ("x = 1e" + "9" * 30, "is not valid TOML"),
        ("x = " + "[" * 5_000, "is not valid TOML"),
    ],
)
def test_what_is_not_toml(tmp_path: Path, text: str, words: str) -> None:
    assert f"{tmp_path / 'regime.toml'} {words}" in str(fault_of(tmp_path, text))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml does not exist; check the name"):
        load_regime(str(tmp_path / "none.toml"))
    with pytest.raises(ConfigurationError, match=r"cannot be read: Is a directory"):
        load_regime(f"{tmp_path}/")
    (tmp_path / "picture.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"picture\.toml is not a text; save it as UTF-8"):
        load_regime(str(tmp_path / "picture.toml"))


def test_the_mark_that_some_editors_put_first_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "marked.toml"
    file.write_text("\ufeff" + regime_path("ru_open_counterfactual").read_text("utf-8"), encoding="utf-8")
    assert load_regime(str(file)) == load_regime("ru_open_counterfactual")


def test_an_unknown_id_is_told_the_nearest() -> None:
    with pytest.raises(
        ConfigurationError, match=r"“ru_elr_super_2026” is no shipped regime; .*ru_elr_super_2025"
    ):
        load_regime("ru_elr_super_2026")
    with pytest.raises(ConfigurationError, match=r"“ru_open” .* “ru_open_counterfactual”"):
        load_regime("ru_open")
    with pytest.raises(ConfigurationError, match=r"valid are .*“ru_elr_super_2025”"):
        load_regime("zzz")


def test_nobody_may_enter_only_where_that_is_meant(tmp_path: Path) -> None:
    head, tail = GOOD.split("[[classes]]")[0], "[market]" + GOOD.split("[market]")[1]
    tail = tail.replace('keys = ["classes.wealthy", "institutions"]', "")
    error = fault_of(tmp_path, f"classes = []\n{head}{tail}")
    assert "classes is empty, so nobody could enter; add a class, or prohibition = true." in str(error)
    assert load_regime(written(tmp_path, f"classes = []\nprohibition = true\n{head}{tail}")).classes == ()


def test_the_longest_key_decides_what_vouches_for_a_number(tmp_path: Path) -> None:
    flagged = '[[assumptions]]\nkey = "classes.wealthy.caps"\nreason = "A guess."\n'
    assert load_regime(written(tmp_path, GOOD + flagged)).assumptions[1].key == "classes.wealthy.caps"


def test_a_member_of_a_list_goes_by_its_id_or_its_number() -> None:
    table = {"classes": [{"id": "rich", "any_of": [{"least": 1}]}], "names": ["x"]}
    assert list(dict(key_paths(table))) == [
        "classes",
        "classes.rich",
        "classes.rich.id",
        "classes.rich.any_of",
        "classes.rich.any_of.1",
        "classes.rich.any_of.1.least",
        "names",
        "names.1",
    ]


@pytest.mark.parametrize("regime_id", shipped_regimes())
def test_a_shipped_regime_survives_being_written_and_read(regime_id: str, tmp_path: Path) -> None:
    table = read_toml(regime_path(regime_id))
    assert table["id"] == regime_id
    again = tmp_path / "again.toml"
    again.write_text(tomli_w.dumps(table), encoding="utf-8")
    regime = load_regime(str(again))
    assert regime == load_regime(regime_id)
    assert decode(encode(regime), Regime) == regime


@pytest.mark.parametrize("regime_id", shipped_regimes())
def test_a_shipped_regime_by_its_path(regime_id: str) -> None:
    with as_file(regime_path(regime_id)) as path:
        assert load_regime(str(path)) == load_regime(regime_id)


@pytest.mark.parametrize("regime_id", shipped_regimes())
def test_what_a_shipped_regime_assumes_is_said_with_a_reason(regime_id: str) -> None:
    regime = load_regime(regime_id)
    reasons = {assumption.key: assumption.reason for assumption in regime.assumptions}
    assert regime.cash.settlement_asset == "RUBD"
    assert "rouble" in reasons["cash.settlement_asset"]
    assert "offshore_share_percent" in reasons
    assert all(len(reason) > 10 for reason in reasons.values())


def test_the_open_regime_says_that_leverage_is_not_modelled() -> None:
    reasons = [assumption.reason for assumption in load_regime("ru_open_counterfactual").assumptions]
    assert any("Leverage" in reason and "fully covered" in reason for reason in reasons)


def test_check_is_for_any_table() -> None:
    with pytest.raises(ConfigurationError, match=r"^sweep: id is missing; add the key “id”\.$"):
        check(RegimeFile, {}, "sweep")


def test_the_example_of_the_documentation_is_a_regime(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "regimes.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    regime = load_regime(written(tmp_path, example))
    assert [access_class.class_id for access_class in regime.classes] == ["professional", "tested_public"]
    assert f"`{regime.regime_id}.toml`" in page


def test_the_documentation_names_every_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "regimes.md").read_text(encoding="utf-8")
    schema = regime_schema()
    keys = {key for table in [schema, *schema["$defs"].values()] for key in table.get("properties", {})}
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []


# --- the JSON Schema, held against the files by a small reader of the words it uses ---------------------


def violations(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    """What `schema` has against `value`; an unknown word of the schema is an error of the reader."""
    if "$ref" in schema:
        schema = {**root["$defs"][schema["$ref"].rsplit("/", 1)[1]], **schema}
    known = {"$ref", "$defs", "$schema", "title", "description", "default", "format", "type", "properties"}
    known |= {"required", "additionalProperties", "propertyNames", "items", "anyOf", "enum", "pattern"}
    known |= {"minItems", "minLength", "minimum", "maximum"}
    assert schema.keys() <= known, schema.keys() - known
    if "anyOf" in schema and all(violations(value, option, root) for option in schema["anyOf"]):
        return [f"{value!r} fits none of {schema['anyOf']}"]
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    kinds |= {"integer": int, "number": (int, Decimal)}
    kind = schema.get("type")
    if kind and (not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return [f"{value!r} is no {kind}"]
    found = [f"{value!r} not in enum"] if value not in schema.get("enum", [value]) else []
    if isinstance(value, str):
        found += [f"{value!r} does not match"] if not re.search(schema.get("pattern", ""), value) else []
        found += [f"{value!r} is too short"] if len(value) < schema.get("minLength", 0) else []
    if kind in ("number", "integer") and not schema["minimum"] <= value <= schema["maximum"]:
        found.append(f"{value!r} is out of range")
    if isinstance(value, list):
        found += ["too short"] if len(value) < schema.get("minItems", 0) else []
        found += [fault for item in value for fault in violations(item, schema["items"], root)]
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [f"{key} is missing" for key in schema.get("required", []) if key not in value]
        for key, item in value.items():
            found += violations(key, schema.get("propertyNames", {}), root)
            if key in properties:
                found += violations(item, properties[key], root)
            elif others is False:
                found.append(f"{key} is unknown")
            elif isinstance(others, dict):
                found += violations(item, others, root)
    return found


def as_json(value: Any) -> Any:
    """TOML's dates as the texts that an editor's schema sees."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("regime_id", shipped_regimes())
def test_the_schema_accepts_the_shipped_files(regime_id: str) -> None:
    schema = json.loads(json.dumps(regime_schema()))
    assert violations(as_json(read_toml(regime_path(regime_id))), schema, schema) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", "Not An Id"),
        ("status", "proposd"),
        ("offshore_share_percent", 101),
        ("test_environment", "yes"),
        ("classes", [{"id": "a", "title": "A", "any_of": [{}], "permissions": {"futures": "allowed"}}]),
        ("classes", [{"id": "a", "title": "A", "any_of": [{"asets": 1}], "permissions": {}}]),
        ("unknown", 1),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(key: str, value: object) -> None:
    table = {**as_json(read_toml(regime_path("ru_open_counterfactual"))), key: value}
    schema = regime_schema()
    assert violations(table, schema, schema)
    with pytest.raises(ConfigurationError):
        check(RegimeFile, table, "a file")
