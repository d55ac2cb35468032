"""An exchange as text and back: every object that it remembers, in a form that names only classes of the core.

The image is a table of objects in the order in which a walk from the exchange first meets them. Numbers, texts,
choices, tuples and messages stand where they are used; everything that can change stands once, and is referred to
by its number, so that what was one object is one object again. Nothing that an image names is called: objects are
made bare and their fields are set, so a file can hold wrong values but cannot run anything.

Whoever knows more than the core can have more told in the same way: what an image may name is a `Vocabulary`.

Two exchanges that remember the same have the same image, to the byte. What follows from the history of a ledger,
the venue's or an issuer's, is not in it: histories are kept apart, because they only grow.
"""

import importlib
import pkgutil
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from hashlib import sha256
from math import isfinite
from types import MethodType, ModuleType
from typing import Any, Final, NamedTuple

import exchange
import matching
from exchange.clearing.auditor import Auditor
from exchange.clearing.ledger import Earlier, Ledger
from exchange.core import Exchange
from exchange.messages import Message, decode, encode
from exchange.numbered import Folded
from matching.book import BookSide, OrderBook
from matching.feed import Feed
from matching.keys import SortedKeys
from matching.level import Level, RestingOrder
from matching.links import Links
from matching.market import Market, MarketTerms
from matching.terms import Instructions, OrderId, ParticipantId, Side
from matching.triggers import Waiting, WaitingOrders, Watch

_RIM = ("exchange.journal", "exchange.gateway", "exchange.reports")
_OBJECT, _TUPLE, _NAMED, _CHOICE, _MESSAGE, _INSTRUCTIONS, _FROZENSET, _CLASS, _METHOD, _FLOAT = range(10)
_PLAIN = (int, str, bool, float, type(None))
_BUILT_IN = {kind.__name__: kind for kind in (list, dict, set, deque, Counter)}
_FOLLOWING: Final[Mapping[type[Any], frozenset[str]]] = {  # from the ledger's history
    Ledger: frozenset({"_known", "_resolved", "_history", "_digest", "_digested", "_seen"}),
    Auditor: frozenset(vars(Auditor())),  # which reads it from the beginning
}


class ImageError(ValueError):
    """What is remembered cannot be told in an image, or an image is not one of this version. Says why."""


class Form(NamedTuple):
    """How a value of somebody else's class is told in plain values, and made of them again."""

    kind: type[Any]
    told: Callable[[Any], Sequence[Any]]
    made: Callable[..., Any]


class Vocabulary:
    """What an image begins with, and all that it may name: classes of some modules, what has a form of its own, and
    methods of the first by their names.

    `following`: of some classes the fields that are not told, since they are set again otherwise.
    """

    def __init__(
        self,
        root: type[Any],
        modules: Mapping[str, ModuleType],
        following: Mapping[type[Any], frozenset[str]],
        forms: Sequence[Form],
        methods: frozenset[str] = frozenset(),
    ) -> None:
        self.root = root
        self.modules = modules
        self.following = following
        self.forms = {form.kind: form for form in forms}
        self.forms_by_name = {form.kind.__name__: form for form in forms}
        self.methods = methods
        self._classes = {
            _name(kind): kind
            for module, held in modules.items()
            for kind in vars(held).values()
            if isinstance(kind, type) and kind.__module__ == module
        }

    def more(
        self,
        root: type[Any],
        modules: Mapping[str, ModuleType],
        following: Mapping[type[Any], frozenset[str]],
        forms: Sequence[Form],
        methods: frozenset[str],
    ) -> "Vocabulary":
        """This one and more, for images that begin otherwise."""
        return Vocabulary(
            root,
            {**self.modules, **modules},
            {**self.following, **following},
            [*self.forms.values(), *forms],
            self.methods | methods,
        )

    def class_of(self, name: str, kind: type[Any] = object) -> type[Any]:
        """Raises KeyError for what may not be named, TypeError for what is not of that kind."""
        found = self._classes[name]
        if not issubclass(found, kind):
            raise TypeError(f"{name} is no {kind.__name__}")
        return found

    def fields_of(self, value: Any) -> list[str]:
        kind = type(value)
        if kind.__module__ not in self.modules:
            raise ImageError(
                f"{kind.__module__}.{kind.__qualname__} is no class of the core: no image holds it"
            )
        names = {*_slots_of(kind), *getattr(value, "__dict__", ())} - self.following.get(kind, frozenset())
        return sorted(name for name in names if hasattr(value, name))


class Image(NamedTuple):
    """Everything is JSON: `objects` one by one, their `shapes`, and the `messages` of each class as one list.

    `ledgers`, of an image that was just made: those that it has met, in that order.
    """

    shapes: bytes  # a class and the names of its fields, for each kind of object
    messages: dict[str, bytes]
    objects: list[bytes]
    ledgers: tuple[Ledger, ...] = ()

    def digest(self) -> str:
        digest = sha256(self.shapes)
        for name, held in self.messages.items():
            digest.update(b"\n%b %b" % (name.encode(), held))
        for line in self.objects:
            digest.update(b"\n" + line)
        return digest.hexdigest()


def state_hash(venue: Exchange) -> str:
    """SHA-256 of all that an exchange remembers, the history of every ledger included.

    Two exchanges at the same time with the same hash will answer alike for ever. It costs a walk over
    everything that is open; for a cheaper sign of life take the ledger's head.
    """
    image = image_of(venue)
    whole = " ".join([image.digest(), *(ledger.head() for ledger in image.ledgers)])
    return sha256(whole.encode()).hexdigest()


# --- writing --------------------------------------------------------------------------------------------


def image_of(whole: object, vocabulary: Vocabulary | None = None) -> Image:
    """Of an exchange, unless the vocabulary says of what. Raises ImageError, naming the class, for what an image has no
    form for."""
    return _Walk(vocabulary or core()).walk(whole)


class _Walk:
    """One walk: objects get their numbers as they are met, and are told in the order of these numbers."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._numbers: dict[int, int] = {}
        self._met: list[Any] = []
        self._shapes: dict[tuple[str, ...], int] = {}
        self._messages: dict[str, list[bytes]] = {}
        self._places: dict[tuple[str, bytes], int] = {}  # of a message among those of its class
        self._places_by_identity: dict[int, int] = {}

    def walk(self, whole: object) -> Image:
        self._reference(whole)
        objects = [encode(self._told(value)) for value in self._grown()]
        messages = {name: b"[%b]" % b",".join(held) for name, held in self._messages.items()}
        ledgers = tuple(value for value in self._met if type(value) is Ledger)
        return Image(encode(list(self._shapes)), messages, objects, ledgers)

    def _grown(self) -> Iterator[Any]:
        """The objects that were met; telling one meets more."""
        at = 0
        while at < len(self._met):
            yield self._met[at]
            at += 1

    def _told(self, value: Any) -> list[Any]:
        kind = type(value)
        if kind is dict or kind is Counter:
            return [kind.__name__, *(self._value(part) for pair in value.items() for part in pair)]
        if kind is list:
            return ["list", *map(self._value, value)]
        if kind is deque:
            return ["deque", value.maxlen, *map(self._value, value)]
        if kind is set:
            return ["set", *map(self._value, _ordered(value))]
        form = self._vocabulary.forms.get(kind)
        if form is not None:
            return [kind.__name__, *form.told(value)]
        names = self._vocabulary.fields_of(value)
        shape = self._shapes.setdefault((_name(kind), *names), len(self._shapes))
        return [shape, *(self._value(getattr(value, name)) for name in names)]

    def _value(self, value: Any) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return value if kind is not float or isfinite(value) else [_FLOAT, repr(value)]
        if kind is tuple:
            return [_TUPLE, *map(self._value, value)]
        name = _name(kind)
        if issubclass(kind, Enum):
            return [_CHOICE, name, value.value]
        if issubclass(kind, Message):
            return [_MESSAGE, name, self._place(name, value)]
        if issubclass(kind, tuple):
            return [_NAMED, name, *map(self._value, value)]
        if kind is frozenset:
            return [_FROZENSET, *map(self._value, _ordered(value))]
        if kind is Instructions:  # never change, so orders share them or not
            return [_INSTRUCTIONS, *map(self._value, _asked(value))]
        if isinstance(value, type):
            return [_CLASS, _class_named(value, self._vocabulary)]
        if kind is MethodType:
            return [_METHOD, self._reference(value.__self__), _method_named(value, self._vocabulary)]
        return [_OBJECT, self._reference(value)]

    def _reference(self, value: Any) -> int:
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._met)
            self._met.append(value)
        return number

    def _place(self, name: str, message: Message) -> int:
        """Equal messages have one place: whether two were one object is no part of what is remembered."""
        place = self._places_by_identity.get(id(message))
        if place is None:
            text = encode(message)
            held = self._messages.setdefault(name, [])
            place = self._places.setdefault((name, text), len(held))
            if place == len(held):
                held.append(text)
            self._places_by_identity[id(message)] = place
        return place


def _class_named(kind: type[Any], vocabulary: Vocabulary) -> str:
    name = _name(kind)
    if kind.__module__ not in vocabulary.modules:
        raise ImageError(f"{name} is no class of the core: no image names it")
    return name


def _method_named(method: MethodType, vocabulary: Vocabulary) -> str:
    name: str = method.__name__
    if name not in vocabulary.methods:
        raise ImageError(f"{method.__qualname__} is no method that an image may name")
    return name


def _asked(instructions: Instructions) -> tuple[Any, ...]:
    """All that it is made of."""
    i = instructions
    return i.time_in_force, i.post_only, i.minimum, i.display


def _ordered(values: Any) -> list[Any]:
    """A set in an order that depends on nothing but its members."""
    return sorted(values, key=lambda one: (type(one).__name__, _name(one) if isinstance(one, type) else one))


# --- reading --------------------------------------------------------------------------------------------


def read_image(
    image: Image, histories: Sequence[Earlier], vocabulary: Vocabulary | None = None
) -> tuple[Any, tuple[Ledger, ...]]:
    """What the image is of, and its ledgers, which get their histories in the order of `Image.ledgers`.

    Raises ImageError for what this version has no class or no field for.
    """
    try:
        return _Reading(image, vocabulary or core()).read(histories)
    except (LookupError, TypeError, AttributeError, ValueError) as fault:
        raise ImageError(f"the image is not one that this version can read: {fault}") from fault


class _Reading:
    """First every object bare, then the fields of each: they may refer to one another in any way."""

    def __init__(self, image: Image, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._class = vocabulary.class_of
        self._shapes = [self._shape(*told) for told in decode(image.shapes, list)]
        self._told: list[list[Any]] = [decode(line, list) for line in image.objects]
        self._messages: dict[str, list[Any]] = {
            name: decode(held, _list_of(self._class(name, Message))) for name, held in image.messages.items()
        }
        self._objects = [self._bare(told) for told in self._told]

    def read(self, histories: Sequence[Earlier]) -> tuple[Any, tuple[Ledger, ...]]:
        for value, told in zip(self._objects, self._told, strict=True):
            self._fill(value, told)
        whole = self._objects[0]
        if type(whole) is not self._vocabulary.root:
            raise TypeError(f"it does not begin with an object of {self._vocabulary.root.__qualname__}")
        ledgers = tuple(value for value in self._objects if type(value) is Ledger)
        for ledger, history in zip(ledgers, histories, strict=True):
            ledger.resume(history)
        return whole, ledgers

    def _shape(self, name: str, *fields: str) -> tuple[Any, tuple[str, ...]]:
        kind = self._class(name)
        if issubclass(kind, Enum | Message | tuple):
            raise TypeError(f"{kind.__qualname__} stands among what can change")
        for field in fields:
            if field.startswith("__"):
                raise AttributeError(f"{field} is no field")
        return kind, fields

    def _bare(self, told: list[Any]) -> Any:
        name = told[0]
        if name == "deque":
            return deque(maxlen=told[1])
        if type(name) is str and name in _BUILT_IN:
            return _BUILT_IN[name]()
        if type(name) is str:
            return self._vocabulary.forms_by_name[name].made(*told[1:])
        kind = self._shapes[name][0]
        return _MADE[kind]() if kind in _MADE else kind.__new__(kind)

    def _fill(self, value: Any, told: list[Any]) -> None:
        kind = type(value)
        if kind is dict or kind is Counter:
            parts = map(self._value, told[1:])
            dict.update(value, zip(parts, parts, strict=True))
        elif kind is list or kind is deque:
            value.extend(map(self._value, told[1 + (kind is deque) :]))
        elif kind is set:
            value.update(map(self._value, told[1:]))
        elif kind not in self._vocabulary.forms:
            for name, part in zip(self._shapes[told[0]][1], told[1:], strict=True):
                object.__setattr__(value, name, part if type(part) is not list else self._value(part))

    def _value(self, part: Any) -> Any:
        if type(part) is not list:
            return part
        match part:  # by the numbers above, in their order: a pattern takes no plain name
            case [0, number]:
                return self._objects[number]
            case [1, *members]:
                return tuple(map(self._value, members))
            case [2, name, *members]:
                return self._class(name, tuple)(*map(self._value, members))
            case [3, name, value]:
                return self._class(name, Enum)(value)
            case [4, name, place]:
                return self._messages[name][place]
            case [5, *asked]:
                return _instructions(*map(self._value, asked))
            case [6, *members]:
                return frozenset(map(self._value, members))
            case [7, name]:
                return self._class(name)
            case [8, number, name] if name in self._vocabulary.methods:
                return MethodType(getattr(type(self._objects[number]), name), self._objects[number])
            case [9, text]:
                return float(text)
        raise ValueError(f"{part!r} is no value")


# --- what an image may name -----------------------------------------------------------------------------


@cache
def _core_modules() -> dict[str, Any]:
    """Every module of the core: nothing that an image names is looked for elsewhere."""
    names = [
        found.name
        for package in (matching, exchange)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not found.name.startswith(_RIM)
    ]
    return {name: importlib.import_module(name) for name in sorted(names)}


@cache
def core() -> Vocabulary:
    """For the image of an exchange. The one container of another library that the core uses has a form, and what is
    folded."""
    sorted_list = type(SortedKeys().far)
    return Vocabulary(
        Exchange,
        _core_modules(),
        _FOLLOWING,
        [
            Form(sorted_list, list, lambda *values: sorted_list(values)),
            Form(
                Folded,
                lambda folded: [folded.lines.decode()],
                lambda lines: Folded.of_lines(lines.encode()),
            ),
        ],
    )


def _list_of(kind: type[Any]) -> type[list[Any]]:
    return list[kind]  # type: ignore[valid-type]


def _name(kind: type[Any]) -> str:
    found = _NAMES.get(kind)
    if found is None:
        found = _NAMES[kind] = f"{kind.__module__}:{kind.__qualname__}"
    return found


_NAMES: dict[type[Any], str] = {}


def _slots_of(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a class without a dictionary, compiled or not."""
    found = _SLOTS.get(kind)
    if found is None:
        found = _SLOTS[kind] = tuple(
            name
            for base in kind.__mro__
            for name in (*vars(base).get("__slots__", ()), *vars(base).get("__mypyc_attrs__", ()))
            if not name.startswith("__")
        )
    return found


_SLOTS: dict[type[Any], tuple[str, ...]] = {}
_instructions = cache(Instructions)


def _bare_order() -> RestingOrder:
    return RestingOrder(OrderId(0), ParticipantId(""), Side.BUY, 0, 0)


_MADE: dict[type[Any], Callable[[], Any]] = {  # compiled, these cannot be bare; every field is set anyway
    Auditor: Auditor,  # not compiled, but without any field to set
    Market: lambda: Market(MarketTerms(), 0),
    OrderBook: OrderBook,
    BookSide: lambda: BookSide(Side.BUY),
    SortedKeys: SortedKeys,
    Level: lambda: Level(0, 0),
    Links: lambda: Links(OrderBook(), WaitingOrders()),
    WaitingOrders: WaitingOrders,
    Watch: Watch,
    Waiting: lambda: Waiting(0, _bare_order(), None, 0),
    Feed: lambda: Feed(Market(MarketTerms(), 0)),
    RestingOrder: _bare_order,
}
