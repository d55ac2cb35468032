"""What must hold of a regime's gate, reckoned anew from its file alone; no line of `exchange.access` is used.

A class, product, criterion or word that is not known here is a KeyError: whoever adds one has to say what it means.
"""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

# The product of each kind of contract, and what a regime means that does not name it.
PRODUCT = {
    "capped_future": "future",
    "perp_rolling": "rolling_perpetual",
    "call": "option",
    "put": "option",
    "digital_call": "option",
    "digital_put": "option",
    "spot": "spot",
    "note": "note",
    "cash_pair": "cash_pair",
}
UNSAID = dict.fromkeys(PRODUCT.values(), "denied") | {"cash_pair": "allowed"}


class Told(NamedTuple):
    """Why an order that adds to a position is refused, and why one that only makes it smaller is; None: it is not."""

    opening: str | None
    reducing: str | None


class Gate:
    """A regime as its file has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        self.classes: dict[str, dict[str, Any]] = {one["id"]: one for one in self.file["classes"]}

    def says(self, class_id: str, product: str, *, tested: bool, coin: str = "BTC") -> Told:
        if product == "spot" and not self.file["test_environment"]:
            return Told("spot_outside_test_environment", "spot_outside_test_environment")
        told = self.classes[class_id]
        word = told["permissions"].get(product, UNSAID[product])
        said = {
            "allowed": Told(None, None),
            "allowed_after_test": Told(None if tested else "knowledge_test_required", None),
            "reduce_only": Told("reduce_only", None),
            "denied": Told("product_not_permitted", "product_not_permitted"),
        }[word]
        if product == "cash_pair":
            return said  # money is no coin, and to change it opens nothing
        if said.opening is None and coin not in told.get("underlyings", [coin]):
            said = Told("underlying_not_permitted", said.reducing)
        if said.opening in (None, "reduce_only") and "cooling_off_hours" in told:
            said = Told("cooling_off", said.reducing)
        return said

    def class_of(self, applicant: dict[str, Any]) -> str | None:
        """The first class that takes the applicant, who is described in the words of `access/apply`."""
        for class_id, told in self.classes.items():
            words = told["permissions"].values()
            if any(self._meets(applicant, way) for way in told["any_of"]):
                return None if all(word == "denied" for word in words) else class_id
        return None

    def _meets(self, applicant: dict[str, Any], way: dict[str, Any]) -> bool:
        return all(self._holds(applicant, key, way) for key in way)

    def _holds(self, applicant: dict[str, Any], key: str, way: dict[str, Any]) -> bool:
        asked = way[key]
        match key:
            case "kinds":
                return applicant["kind"] in asked
            case "assets_min_rub":
                return self._assets(applicant) >= asked
            case "assets_above_rub":
                return self._assets(applicant) > asked
            case "income_min_rub" | "income_above_rub":
                years = applicant.get("incomes_rub", [])[: way.get("income_years", 1)]
                enough = [one >= asked if key == "income_min_rub" else one > asked for one in years]
                return len(years) == way.get("income_years", 1) and all(enough)
            case "income_years":
                return True  # it says of how many years the income must be
            case "knowledge_test" | "qualified_by_law":
                name = {"knowledge_test": "knowledge_test_passed"}.get(key, key)
                return not asked or bool(applicant.get(name))
            case "deals_per_quarter_min":
                return bool(applicant.get("deals_per_quarter", 0) >= asked)
            case "years_of_experience_min":
                return bool(applicant.get("years_of_experience", 0) >= asked)
        raise KeyError(key)

    def _assets(self, applicant: dict[str, Any]) -> float:
        counting = self.file.get("asset_counting", {"crypto_share_percent": 0})
        crypto = applicant.get("crypto_assets_rub", 0) * counting["crypto_share_percent"] / 100
        return float(
            applicant.get("securities_and_deposits_rub", 0)
            + min(crypto, counting.get("crypto_max_rub", crypto))
        )
