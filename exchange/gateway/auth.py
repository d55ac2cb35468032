"""Keys, tokens and signatures: who is speaking. What he may do is the exchange's to say.

A key is kept with its secret, since a signature needs it; a token is kept as a digest. Unknown key and wrong secret
are answered alike, and guessing is slowed for whoever guesses.
"""

import base64
import binascii
import hashlib
import hmac
import json
import logging
import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from exchange.gateway.faults import (
    BUSY,
    INVALID_CREDENTIALS,
    UNAUTHORIZED,
    UNAVAILABLE,
    fault,
    invalid,
)
from exchange.gateway.logs import tell
from exchange.gateway.registry import Access
from exchange.journal.high_water import sync_folder
from exchange.units import AssetId, WalletId
from matching.terms import ParticipantId

log = logging.getLogger("ringfence.login")
LIFE: Final = 900  # seconds that a token lasts
REFRESH_LIFE: Final = 7 * 86_400
SKEW_MS: Final = 60_000
GUESSES, WITHIN = 10, 60.0  # wrong secrets of one key from one address, and the seconds they count for
TOKENS_KEPT: Final = 4_000  # of one key: if there is one more, the oldest of them ends
GUESSES_KEPT: Final = 100_000  # keys and addresses
NAMES_KEPT: Final = 64  # characters of the name of a key that was guessed
SIGNATURES_KEPT: Final = 100_000
NOBODYS: Final = secrets.token_urlsafe(32)  # compared with where no key is known, so that this takes as long


class Role(StrEnum):
    PARTICIPANT = "participant"
    MARKET_MAKER = "market_maker"
    MEMBER = "member"
    ISSUER = "issuer"
    AUTHORITY = "authority"
    OBSERVER = "observer"
    OPERATOR = "operator"


SEATED: Final = (
    Role.PARTICIPANT,
    Role.MARKET_MAKER,
    Role.MEMBER,
)  # whose keys are somebody's on the exchange


@dataclass(frozen=True, slots=True)
class Key:
    """Who has it acts for `participant_id`, if there is one, in one role."""

    client_id: str
    secret: str = field(repr=False)
    role: Role
    participant_id: ParticipantId | None = None
    wallet_id: WalletId | None = None
    title: str = ""  # what people call it
    read_only: bool = False
    coins: tuple[AssetId, ...] = ()  # of an issuer: those that it stands behind

    def may(self, access: Access) -> bool:
        match access:
            case Access.PUBLIC | Access.SIGNED_IN:
                return True
            case Access.SEATED:
                return self.participant_id is not None and self.role in SEATED
            case Access.ISSUER:
                return self.role in (Role.ISSUER, Role.OPERATOR)
            case Access.AUTHORITY:
                return self.role in (Role.AUTHORITY, Role.OPERATOR)
            case Access.OPERATOR:
                return self.role is Role.OPERATOR

    def issues(self, coin: str) -> bool:
        """Whether the key speaks for the issuer of that coin; an operator's speaks for all."""
        return self.role is Role.OPERATOR or (self.role is Role.ISSUER and coin in self.coins)


@dataclass(frozen=True, slots=True)
class Token:
    key: Key
    scope: str
    expires: float  # on the monotonic clock
    refreshes: bool
    line: int = 0  # the connection that was given it; 0 over HTTP


@dataclass(slots=True)
class KeyRing:
    """All keys; with a file, as they were when the venue stopped."""

    path: Path | None = None
    keys: dict[str, Key] = field(default_factory=dict)
    comes_back: bool = False  # with a venue that was founded before

    def __post_init__(self) -> None:
        if self.path is not None and self.path.exists():
            self.comes_back = True
            for row in json.loads(self.path.read_text(encoding="utf-8")):
                coins = tuple(map(AssetId, row.get("coins", ())))
                key = Key(**(row | {"role": Role(row["role"]), "coins": coins}))
                self.keys[key.client_id] = key

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys.values())

    def create(
        self,
        role: Role,
        participant_id: ParticipantId | None = None,
        wallet_id: WalletId | None = None,
        title: str = "",
        *,
        read_only: bool = False,
        coins: tuple[AssetId, ...] = (),
    ) -> Key:
        """A new key with 256 bits of secret."""
        client_id = secrets.token_urlsafe(6).replace("-", "a").replace("_", "b")
        secret = secrets.token_urlsafe(32)
        key = Key(client_id, secret, role, participant_id, wallet_id, title, read_only, coins)
        self.add(key)
        return key

    def of_founding(
        self,
        role: Role,
        participant_id: ParticipantId | None = None,
        wallet_id: WalletId | None = None,
        title: str = "",
        coins: tuple[AssetId, ...] = (),
    ) -> Key | None:
        """A key for whoever is there from the founding; where the venue comes back, the one it got then, unless that
        was taken back."""
        if not self.comes_back:
            return self.create(role, participant_id, wallet_id, title, coins=coins)
        wanted = (role, participant_id, coins)
        return next((key for key in self if (key.role, key.participant_id, key.coins) == wanted), None)

    def keep(self, path: Path) -> None:
        """Keep all of them there from now on."""
        self.path = path
        self._save(path)

    def add(self, key: Key) -> None:
        """Raises Fault, and has no such key, if it cannot be kept."""
        self.keys[key.client_id] = key
        try:
            if self.path is not None:
                self._save(self.path)
        except OSError as error:
            del self.keys[key.client_id]
            raise fault(
                UNAVAILABLE, reason="key_not_kept", told=f"ask for another later: {error.strerror}"
            ) from None

    def remove(self, client_id: str) -> None:
        """It is of no use from now on. Raises Fault if that cannot be kept, for then it comes back with the venue."""
        self.keys.pop(client_id, None)
        try:
            if self.path is not None:
                self._save(self.path)
        except OSError as error:
            raise fault(
                UNAVAILABLE,
                reason="removal_not_kept",
                told="it is of no use now, but would be after a restart, unless any other key is made or taken back"
                f" once that can be kept: {error.strerror}",
            ) from None

    def _save(self, path: Path) -> None:
        """Whole or not at all, and for nobody else to read."""
        rows = [
            {
                "client_id": key.client_id,
                "secret": key.secret,
                "role": key.role,
                "participant_id": key.participant_id,
                "wallet_id": key.wallet_id,
                "title": key.title,
                "read_only": key.read_only,
                "coins": key.coins,
            }
            for key in self
        ]
        draft = path.with_name(f"{path.name}.new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(rows, out)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
        sync_folder(path.parent)


class Doorkeeper:
    """Checks secrets, signatures and tokens."""

    def __init__(
        self,
        ring: KeyRing,
        *,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ring = ring
        self._wall_ms = wall_ms
        self._monotonic = monotonic
        self._tokens: dict[bytes, Token] = {}
        self._issued: dict[str, deque[bytes]] = {}  # tokens of each key, the oldest first
        self._guesses: dict[tuple[str, str], list[float]] = {}
        self._signatures: dict[bytes, tuple[float, str]] = {}  # seen: when, and from where; the oldest first

    # --- grants -------------------------------------------------------------------------------------

    def by_secret(self, client_id: str, secret: str, address: str) -> Key:
        self._slow_down(client_id, address)
        key = self.ring.keys.get(client_id)
        known = key.secret if key else NOBODYS
        if not hmac.compare_digest(known.encode(), secret.encode("utf-8", "replace")) or key is None:
            raise self._wrong(client_id, address)
        return key

    def by_signature(
        self, client_id: str, timestamp: int, nonce: str, told: str, signature: str, address: str
    ) -> Key:
        """HMAC-SHA256 over timestamp, nonce and data, each on a line of its own."""
        if "\n" in nonce or "\r" in nonce:
            raise invalid(
                "nonce", "must not contain a line break, which would make the signed text ambiguous"
            )
        return self._signed(
            client_id, timestamp, f"{timestamp}\n{nonce}\n{told}".encode(), signature, address
        )

    def by_request(self, header: str, method: str, target: bytes, body: bytes, address: str) -> Key:
        """HMAC-SHA256 over the request exactly as it was sent: `target` is the raw path with its query."""
        fields = dict(_field(part) for part in header.split(","))
        try:
            client_id, nonce, signature = fields["id"], fields["nonce"], fields["sig"]
            timestamp = int(fields["ts"])
        except (KeyError, ValueError):
            raise fault(INVALID_CREDENTIALS, reason="needs id, ts, nonce and sig") from None
        if "\n" in nonce or "\r" in nonce:
            raise fault(INVALID_CREDENTIALS, reason="nonce must not contain a line break")
        signed = b"%d\n%s\n%s\n%s\n%s\n" % (timestamp, nonce.encode(), method.encode(), target, body)
        return self._signed(client_id, timestamp, signed, signature, address)

    def by_header(self, header: str, method: str, target: bytes, body: bytes, address: str) -> Key:
        """Whoever an Authorization header speaks for: a signature, a token, or a key with its secret."""
        scheme, _, rest = header.partition(" ")
        match scheme.lower():
            case "deri-hmac-sha256":
                return self.by_request(rest, method, target, body, address)
            case "bearer":
                return self.by_token(rest.strip()).key
            case "basic":
                try:
                    pair = base64.b64decode(rest.strip(), validate=True).decode()
                except (binascii.Error, UnicodeDecodeError):
                    raise fault(INVALID_CREDENTIALS, reason="is not base64 of id:secret") from None
                client_id, _, secret = pair.partition(":")
                return self.by_secret(client_id, secret, address)
        raise fault(INVALID_CREDENTIALS, reason="this scheme of authorization is not known")

    # --- tokens -------------------------------------------------------------------------------------

    def issue(self, key: Key, scope: str, line: int = 0) -> dict[str, Any]:
        """A pair of tokens, as `public/auth` answers; for the connection of that number."""
        now = self._monotonic()
        granted = self._granted(key, scope)
        access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._keep(access, Token(key, granted, now + LIFE, refreshes=False, line=line))
        self._keep(refresh, Token(key, granted, now + REFRESH_LIFE, refreshes=True, line=line))
        return {
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": LIFE,
            "token_type": "bearer",
            "scope": granted,
            "enabled_features": [],
        }

    def _keep(self, text: str, token: Token) -> None:
        """Whoever signs in again and again crowds out his own tokens, and fills no memory."""
        issued = self._issued.setdefault(token.key.client_id, deque())
        digest = _digest(text)
        self._tokens[digest] = token
        issued.append(digest)
        if len(issued) > TOKENS_KEPT:
            self._tokens.pop(issued.popleft(), None)

    def by_token(self, text: str, *, refreshes: bool = False) -> Token:
        token = self._tokens.get(_digest(text))
        good = token is not None and token.expires > self._monotonic() and token.refreshes is refreshes
        if token is None or not good or token.key.client_id not in self.ring.keys:
            raise fault(UNAUTHORIZED, reason="invalid_token")
        return token

    def revoke(self, key: Key) -> None:
        """Take back all tokens of a key."""
        for digest in self._issued.pop(key.client_id, ()):
            self._tokens.pop(digest, None)

    def end_session(self, key: Key, line: int) -> None:
        """Take back the tokens of a key that one connection was given, and no others."""
        issued = self._issued.pop(key.client_id, deque())
        for digest in issued:
            if digest in self._tokens and self._tokens[digest].line == line:
                del self._tokens[digest]
        self._issued[key.client_id] = deque(digest for digest in issued if digest in self._tokens)

    # --- the inner way ------------------------------------------------------------------------------

    @staticmethod
    def _granted(key: Key, scope: str) -> str:
        """What was asked for and is known, and what the key may do."""
        session = next((word for word in scope.split() if word.startswith("session:")), "connection")
        trade = "trade:read" if key.read_only or key.participant_id is None else "trade:read_write"
        return f"{session} {trade} wallet:read account:read mainaccount"

    def _signed(self, client_id: str, timestamp: int, text: bytes, signature: str, address: str) -> Key:
        self._slow_down(client_id, address)
        if abs(self._wall_ms() - timestamp) > SKEW_MS:
            self._tell(client_id, address, "timestamp")
            raise fault(INVALID_CREDENTIALS, reason="the timestamp is more than a minute off")
        key = self.ring.keys.get(client_id)
        secret = key.secret if key else NOBODYS
        expected = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")) or key is None:
            raise self._wrong(client_id, address)
        self._refuse_replay(expected.encode(), address)
        return key

    def _refuse_replay(self, signature: bytes, address: str) -> None:
        """A signature is good from where it was first seen. Clients repeat one within a millisecond, so the same from
        there is no offence; whoever has caught it on its way comes from elsewhere. Raises Fault."""
        now, seen = self._monotonic(), self._signatures
        while seen:
            first, (at, _) = next(iter(seen.items()))
            if now - at < 2 * SKEW_MS / 1000 and len(seen) <= SIGNATURES_KEPT:
                break
            del seen[first]
        _, known = seen.setdefault(signature, (now, address))
        if known != address:
            raise fault(INVALID_CREDENTIALS, reason="this signature was used from another address")

    def _wrong(self, client_id: str, address: str) -> Exception:
        if len(self._guesses) >= GUESSES_KEPT:
            del self._guesses[next(iter(self._guesses))]
        self._guesses.setdefault((client_id[:NAMES_KEPT], address), []).append(self._monotonic())
        self._tell(client_id, address, "unknown key or wrong secret")
        return fault(INVALID_CREDENTIALS, reason="the key is not known, or its secret is another")

    def _slow_down(self, client_id: str, address: str) -> None:
        tries = self._guesses.get((client_id[:NAMES_KEPT], address))
        if not tries:
            return
        now = self._monotonic()
        tries[:] = [at for at in tries if now - at < WITHIN]
        if len(tries) >= GUESSES:
            self._tell(client_id, address, "too many wrong secrets")
            raise fault(BUSY, reason="too many wrong secrets", wait=round(WITHIN - (now - tries[0]), 3))

    def _tell(self, client_id: str, address: str, reason: str) -> None:
        """A name that we did not give may be a secret in the wrong place, and is not repeated."""
        known = client_id if client_id in self.ring.keys else None
        tell(log, logging.WARNING, "login_failed", client_id=known, address=address, reason=reason)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _field(part: str) -> tuple[str, str]:
    name, _, value = part.strip().partition("=")
    return name.strip(), value.strip()
