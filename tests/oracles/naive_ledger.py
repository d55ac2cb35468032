"""A ledger as plain dictionaries: a chain is tried out on a copy of everything. Shares no code with ours."""

from typing import Any

TRANSIENT = (
    "pending_not_found", "account_not_found", "account_closed", "frozen_out", "frozen_in",
    "exceeds_credits", "exceeds_debits",
)  # fmt: skip


class NaiveLedger:
    """Transfers are dictionaries of their fields. Well-formed ones only: shape has its own tests."""

    def __init__(self, respects_finality: bool) -> None:
        self.respects_finality = respects_finality
        self.accounts: dict[str, dict[str, Any]] = {}
        self.done: dict[Any, dict[str, Any]] = {}  # by id: the transfer as it was asked for
        self.held: dict[Any, dict[str, Any]] = {}  # by id: pending transfers, in every state
        self.burned: list[Any] = []
        self.time = 0

    def tick(self, now: int) -> int:
        self.time = max(now, self.time + 1)
        return self.time

    def open(self, account_id: str, asset_id: str, rule: str) -> None:
        self.tick(0)
        self.accounts[account_id] = {
            "asset": asset_id, "rule": rule, "dp": 0, "dd": 0, "cp": 0, "cd": 0,
            "out": None, "in": None, "closed": False,
        }  # fmt: skip

    def freeze(self, account_id: str, out: bool, into: bool, now: int) -> None:
        time = self.tick(now)
        for wanted, direction in ((out, "out"), (into, "in")):
            if wanted and self.accounts[account_id][direction] is None:
                self.accounts[account_id][direction] = time

    def unfreeze(self, account_id: str, now: int) -> None:
        self.tick(now)
        self.accounts[account_id].update({"out": None, "in": None})

    def close(self, account_id: str, now: int) -> None:
        self.tick(now)
        self.accounts[account_id]["closed"] = True

    def advance(self, now: int) -> list[Any]:
        """The ids of the pending transfers that expire."""
        due = [(h["expires"], h["time"], i) for i, h in self.held.items() if self._is_due(h, now)]
        for expires, _, i in sorted(due):
            held = self.held[i]
            self.tick(expires)
            self.accounts[held["debit"]]["dp"] -= held["amount"]
            self.accounts[held["credit"]]["cp"] -= held["amount"]
            held["state"] = "already_expired"
        return [i for _, _, i in sorted(due)]

    def _is_due(self, held: dict[str, Any], now: int) -> bool:
        return held["state"] is None and held["expires"] is not None and held["expires"] <= now

    def submit(self, chain: list[dict[str, Any]], now: int) -> list[str]:
        accounts, held = self._copies()
        done, time = dict(self.done), self.time
        for position, transfer in enumerate(chain):
            status = self._one(transfer, now)
            if status != "ok":
                self.accounts, self.held, self.done, self.time = accounts, held, done, time
                if status in TRANSIENT:
                    self.burned.append(transfer["id"])
                return [status if at == position else "linked_event_failed" for at in range(len(chain))]
        return ["ok"] * len(chain)

    def _copies(self) -> tuple[dict[str, dict[str, Any]], dict[Any, dict[str, Any]]]:
        return {k: dict(a) for k, a in self.accounts.items()}, {k: dict(h) for k, h in self.held.items()}

    def _one(self, t: dict[str, Any], now: int) -> str:
        if t["id"] in self.done:
            return "exists" if self.done[t["id"]] == t else "exists_different"
        if t["id"] in self.burned:
            return "id_already_failed"
        resolves = t["mode"] in ("post", "void")
        held = self.held.get(t["pending_id"])
        if resolves:
            fault = self._reference(t, held, now)
            if fault:
                return fault
        debtor, creditor = self.accounts.get(t["debit"]), self.accounts.get(t["credit"])
        if not debtor or not creditor:
            return "account_not_found"
        if debtor["asset"] != creditor["asset"]:
            return "different_assets"
        if t["mode"] != "void":
            if debtor["closed"] or creditor["closed"]:
                return "account_closed"
            for account, direction in ((debtor, "out"), (creditor, "in")):
                frozen = account[direction]
                exempt = resolves and t["final"] and self.respects_finality and held["time"] < (frozen or 0)
                if frozen is not None and not exempt:
                    return f"frozen_{direction}"
        amount = t["amount"]
        if t["balancing"]:
            amount = min(amount, debtor["cd"] - debtor["dd"] - debtor["dp"])
        if not resolves:
            if amount <= 0:
                return "exceeds_credits"
            if debtor["rule"] == "D<=C" and debtor["dp"] + debtor["dd"] + amount > debtor["cd"]:
                return "exceeds_credits"
            if creditor["rule"] == "C<=D" and creditor["cp"] + creditor["cd"] + amount > creditor["dd"]:
                return "exceeds_debits"
        time = self.tick(now)
        self.done[t["id"]] = t
        if t["mode"] == "pending":
            debtor["dp"] += amount
            creditor["cp"] += amount
            expires = None if t["timeout"] is None else time + t["timeout"]
            self.held[t["id"]] = {"debit": t["debit"], "credit": t["credit"], "amount": amount,
                                  "time": time, "expires": expires, "state": None}  # fmt: skip
        if resolves:
            debtor["dp"] -= held["amount"]
            creditor["cp"] -= held["amount"]
            held["state"] = "already_posted" if t["mode"] == "post" else "already_voided"
        if t["mode"] in ("single", "post"):
            debtor["dd"] += amount
            creditor["cd"] += amount
        return "ok"

    def _reference(self, t: dict[str, Any], held: dict[str, Any] | None, now: int) -> str | None:
        if held is None:
            return "not_pending" if t["pending_id"] in self.done else "pending_not_found"
        if held["state"]:
            return str(held["state"])
        if self._is_due(held, now):
            return "already_expired"
        if (t["debit"], t["credit"]) != (held["debit"], held["credit"]):
            return "different_accounts"
        return "exceeds_pending" if t["amount"] > held["amount"] else None

    def counters(self) -> dict[str, tuple[int, int, int, int]]:
        return {k: (a["dp"], a["dd"], a["cp"], a["cd"]) for k, a in self.accounts.items()}
