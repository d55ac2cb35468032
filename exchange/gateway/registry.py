"""The one list of methods: name, who may call it, what it costs, its parameters, its result and its handler.

Requests are dispatched from it, and documents are written from it, so that neither can know a method that the
other does not. A method that does not say who may call it cannot be entered, nor one whose name promises more than
it asks for, nor one for issuers that does not say of which coin: the server does not start with it. Whatever gives
commands to the exchange changes something, and is refused to keys that only read.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import wraps
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Generic,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from exchange.commands import Command
from exchange.events import Entry
from exchange.gateway.faults import FORBIDDEN, INVALID, fault
from exchange.gateway.jsonrpc import Fault

if TYPE_CHECKING:
    from exchange.gateway.dispatch import Call


class Access(StrEnum):
    """Who may call a method."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"  # whoever has a key
    SEATED = "seated"  # whoever has a place on the exchange
    ISSUER = "issuer"  # who holds the keys of a coin
    AUTHORITY = "authority"
    OPERATOR = "operator"


# Who may be let at the methods of a namespace, where that is not anybody.
NAMESPACES: Final = {
    "private": (Access.SIGNED_IN, Access.SEATED),
    "admin": (Access.AUTHORITY, Access.OPERATOR),
}


class Pool(StrEnum):
    """From which credits a call is paid."""

    READ = "non_matching_engine"
    MATCHING = "matching_engine"
    CANCEL = "cancel_all"  # of its own, so that a flood of orders never keeps anybody from leaving


class Params(BaseModel):
    """Parameters of a method. Texts become numbers and booleans where those are asked for; what is not known is
    passed over, but for the methods that change something."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, frozen=True)


class StrictParams(Params):
    """Of a method that places or changes an order: a parameter that is not known is refused, for it was meant."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, frozen=True)


class NoParams(Params):
    pass


def _listed(value: Any) -> Any:
    """A list that came as text, in the query of a URL."""
    if not isinstance(value, str):
        return value
    if value.startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value.split(",")


def _no_truth(value: Any) -> Any:
    """A yes or no is refused, though Python would count it as one or nothing."""
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


# Whole numbers as far as a float counts them, which is how most languages read JSON.
NO_TRUTH: Final = BeforeValidator(_no_truth)
Integer = Annotated[int, Field(gt=-(2**53), lt=2**53), NO_TRUTH]
Whole = Annotated[int, Field(ge=0, lt=2**53), NO_TRUTH]
Milliseconds = Whole
Number = Annotated[Decimal, Field(ge=0, lt=Decimal(2**63))]
Positive = Annotated[Decimal, Field(gt=0, lt=Decimal(2**63))]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Texts = Annotated[list[Annotated[str, Field(max_length=256)]], BeforeValidator(_listed)]

R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
Handler = Callable[["Call", Any], Any]


def schema_of(shape: Any) -> dict[str, Any]:
    """What a type looks like as JSON; what it is made of stands in `$defs`."""
    return TypeAdapter(shape).json_schema(ref_template="#/components/schemas/{model}")


@dataclass(frozen=True, slots=True)
class Ask(Generic[R]):
    """What a method wants of the exchange: commands in one piece, and how their entries become its result.

    `valid_until` (engine time): not after that.
    """

    commands: Sequence[Command]
    answer: Callable[[list[list[Entry]]], R]
    valid_until: int | None = None


@dataclass(frozen=True, slots=True)
class Then(Generic[R]):
    """A result, and what is to be done once it is on its way."""

    result: R
    after: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Later(Generic[R]):
    """A result that comes when something else has happened: `begin` is given what to tell it, or a Fault, to."""

    begin: Callable[[Callable[[Any], None]], None]


@dataclass(frozen=True, slots=True)
class Method:
    name: str
    access: Access
    pool: Pool
    cost: int
    params: type[Params]
    handler: Handler
    result: Any  # a type; what it looks like as JSON is told in the documents
    group: str
    websocket_only: bool
    changes: bool  # not for keys that only read

    @property
    def told(self) -> str:
        """The first paragraph of what the handler says of itself."""
        return " ".join((self.handler.__doc__ or "").split("\n\n")[0].split())

    def result_schema(self) -> dict[str, Any]:
        return schema_of(self.result)


class Registry:
    def __init__(self) -> None:
        self._methods: dict[str, Method] = {}

    def __iter__(self) -> Iterator[Method]:
        return iter(self._methods.values())

    def find(self, name: str) -> Method | None:
        return self._methods.get(name)

    def method(
        self,
        name: str,
        access: Access,
        *,
        pool: Pool = Pool.READ,
        cost: int = 1,
        websocket_only: bool = False,
        changes: bool = False,
    ) -> Callable[[F], F]:
        """Enter the function under a name. Its parameters and its result are those that it declares.

        `changes`: it changes something without giving a command. What is for issuers names a `currency`, and is done
        for the issuer of that coin alone. Raises TypeError if nobody, or somebody whom the namespace does not know,
        may call it, or if it is for issuers and names no coin.
        """
        namespace = name.partition("/")[0]
        if access not in NAMESPACES.get(namespace, tuple(Access)):
            raise TypeError(f"{name}: methods of {namespace} are not for {access}")

        def enter(handler: F) -> F:
            hints = get_type_hints(handler, localns={"Call": object})
            result = hints.pop("return")
            commands = get_origin(result) is Ask
            if get_origin(result) in (Ask, Then, Later):
                result = get_args(result)[0]
            params = next(
                kind for kind in hints.values() if isinstance(kind, type) and issubclass(kind, Params)
            )
            assert name not in self._methods, f"{name} is entered twice"
            assert handler.__doc__, f"{name} does not say what it does"
            group = handler.__module__.rpartition(".")[2]
            called: Handler = handler
            if access is Access.ISSUER:
                if "currency" not in params.model_fields:
                    raise TypeError(f"{name}: what is for issuers names a currency")
                called = _for_its_issuer(handler)
            self._methods[name] = Method(
                name, access, pool, cost, params, called, result, group, websocket_only, changes or commands
            )
            return handler

        return enter


def _for_its_issuer(handler: Handler) -> Handler:
    """The handler, after a look at whose coin it is. Raises Fault for another issuer's."""

    @wraps(handler)
    def checked(call: "Call", params: Any) -> Any:
        coin, key = params.currency.upper(), call.speaker
        if not key.issues(coin):
            raise fault(
                FORBIDDEN,
                param="currency",
                reason="not_the_issuer",
                told=f"this key speaks for {' and '.join(key.coins) or 'no coin'}, not for {coin}",
            )
        return handler(call, params)

    return checked


REGISTRY: Final = Registry()


def read_params(method: Method, given: dict[str, Any]) -> Params:
    """The parameters as the method declares them; an empty text or null is the same as nothing. Raises Fault."""
    for value in given.values():
        if value is None or value == "":
            given = {key: value for key, value in given.items() if value is not None and value != ""}
            break
    try:
        return method.params.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise Fault(INVALID.number, INVALID.name, param=where, reason=reason) from None
