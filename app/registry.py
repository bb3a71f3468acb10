"""Registries: a new background, filter, engine or source is one file that registers itself.

    @backgrounds.register("blur", title="Blur")
    class Blur(Background):
        @dataclass(frozen=True)
        class Options:
            radius: int = option(21, "Radius", "How soft the room becomes", minimum=1, maximum=99)

        def __init__(self, options: Options) -> None: ...

`discover()` imports each module of the package, so nothing else has to name the new file. The
command line, the settings file and the window read the `Options` to know what may be set.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import math
import pkgutil
import re
import reprlib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from app.errors import OptionError
from app.system.files import expanded

T = TypeVar("T")

_TRUE = {"1", "true", "on", "yes"}
_FALSE = {"0", "false", "off", "no"}
_NONE = {"", "none"}
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")

# The default of an option that must be given.
REQUIRED: Any = dataclasses.MISSING


def option(
    default: Any,
    title: str,
    tooltip: str = "",
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    unit: str = "",
) -> Any:
    """A dataclass field with what a form or a help text needs to know of it.

    `default` may be REQUIRED. `minimum` and `maximum` are inclusive. The first field of an
    `Options` is the one that `NAME:VALUE` sets.
    """
    return dataclasses.field(
        default=default,
        metadata={
            "title": title,
            "tooltip": tooltip,
            "minimum": minimum,
            "maximum": maximum,
            "unit": unit,
        },
    )


@dataclass(frozen=True)
class NoOptions:
    """For a part that has nothing to set."""


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One registered class. `options` is the dataclass that its constructor takes, if any."""

    name: str
    title: str
    factory: type[T]
    options: type[Any]

    @property
    def description(self) -> str:
        """The first line of the class's docstring."""
        return (self.factory.__doc__ or "").strip().split("\n")[0]

    def unavailable_because(self) -> str | None:
        """Why this part cannot work on this machine and what to do about it, or None."""
        reason = getattr(self.factory, "unavailable_because", None)
        return reason() if reason is not None else None


class Registry(Generic[T]):
    """Named classes of one kind. `kind` is the word for error messages ("background")."""

    def __init__(self, kind: str, package: str | None = None) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, Entry[T]] = {}
        self._discovered = package is None

    def register(self, name: str, *, title: str) -> Callable[[type[T]], type[T]]:
        """Class decorator. The class may have an inner frozen dataclass `Options`.

        Raises ValueError, which only its author sees, for a name that no spec could spell.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{self.kind} {name!r}: a name is lower case, digits and - or _")

        def decorate(factory: type[T]) -> type[T]:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            options = getattr(factory, "Options", NoOptions)
            self._entries[name] = Entry(name, title, factory, options)
            return factory

        return decorate

    def discover(self) -> None:
        """Imports every module of the registry's package, once; modules register themselves."""
        if self._discovered or self._package is None:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        self._discovered = True

    def names(self) -> Sequence[str]:
        self.discover()
        return tuple(self._entries)

    def entries(self) -> Sequence[Entry[T]]:
        self.discover()
        return tuple(self._entries.values())

    def entry(self, name: str) -> Entry[T]:
        """Raises OptionError, naming what there is, where `name` is not registered."""
        self.discover()
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(self._entries)
            raise OptionError(
                f"There is no {self.kind} called {name!r}. There are: {known}."
            ) from None

    def create(self, name: str, /, **options: Any) -> T:
        """Makes one. `options` are checked and converted; see `make_options`."""
        entry = self.entry(name)
        made = make_options(entry, options)
        factory = cast(Callable[..., T], entry.factory)
        return factory() if entry.options is NoOptions else factory(made)

    def parse(self, spec: str) -> tuple[str, dict[str, str]]:
        """`NAME[:VALUE][,KEY=VALUE...]` -> the name and the options, still as text.

        The leading VALUE belongs to the first option. A comma ends a value only where one of the
        part's own `KEY=` follows, so that a file name or a colour may hold commas.
        """
        name, mark, rest = _cut(spec)
        fields = [field.name for field in dataclasses.fields(self.entry(name).options)]
        if not mark:
            return name, {}
        if not rest.strip():
            word = "colon" if mark == ":" else "comma"
            raise OptionError(f"Nothing stands after the {word} in {spec!r}; leave the {word} out.")
        if not fields:
            raise OptionError(f"The {self.kind} {name!r} has no options: leave {rest!r} out.")
        keys = "|".join(map(re.escape, fields))
        first, *pairs = re.split(rf"(?:^|,)\s*({keys})\s*=", rest)
        if mark == "," and first.strip():
            raise OptionError(
                f"{spec!r} has no KEY=VALUE after the comma; the options of {name!r} are: "
                f"{', '.join(fields)}."
            )
        found = {fields[0]: first} if first.strip() else {}
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if key in found:
                raise OptionError(f"{key} is given twice in {spec!r}; say it once.")
            found[key] = value
        return name, found

    def paths_in(self, spec: str) -> list[Path]:
        """The files that `spec` names: the values of options that are paths.

        Raises OptionError as `parse` does.
        """
        name, options = self.parse(spec)
        hints = typing.get_type_hints(self.entry(name).options)
        return [
            _to_path(value)
            for key, value in options.items()
            if value.strip() and Path in (hints[key], *typing.get_args(hints[key]))
        ]

    def spec_of(self, name: str, options: Any) -> str:
        """The text that `create_from_spec` makes the same `Options` from: every option, by key."""
        self.entry(name)
        pairs = [
            f"{field.name}={_as_text(getattr(options, field.name))}"
            for field in dataclasses.fields(options)
        ]
        return f"{name}:{','.join(pairs)}" if pairs else name

    def create_from_spec(self, spec: str) -> T:
        """Makes one from text such as `blur:25` or `image:beach.jpg,fit=contain`."""
        name, options = self.parse(spec)
        return self.create(name, **options)


def name_in(spec: str) -> str:
    """The name of the part in `NAME[:VALUE][,KEY=VALUE...]`."""
    return _cut(spec)[0]


def _cut(spec: str) -> tuple[str, str, str]:
    """The name; what ends it, a colon, a comma or nothing; and the rest."""
    found = re.search("[:,]", spec)
    if found is None:
        return spec.strip(), "", ""
    return spec[: found.start()].strip(), found[0], spec[found.end() :]


def make_options(entry: Entry[Any], given: Mapping[str, Any]) -> Any:
    """The entry's `Options` from values that may be text.

    Raises OptionError naming the part and the option, with what is allowed.
    """
    hints = typing.get_type_hints(entry.options)
    fields = {field.name: field for field in dataclasses.fields(entry.options)}
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in fields:
            known = ", ".join(fields) or "none"
            raise OptionError(f"{entry.name} has no option {key!r}. Its options: {known}.")
        try:
            values[key] = _convert(value, hints[key])
        except _Unfit as error:
            shown = reprlib.repr(value)  # a hostile text may be long
            raise OptionError(f"{entry.name}: {key} is {shown}; it must be {error}.") from None
        _check_range(entry.name, key, values[key], fields[key].metadata)
    for key, field in fields.items():
        missing = field.default is field.default_factory is dataclasses.MISSING
        if missing and key not in values:
            raise OptionError(f"{entry.name} needs a {key}: {entry.name}:{key.upper()}.")
    return entry.options(**values)


class _Unfit(Exception):
    """A value that an option cannot take; the message completes "it must be ..."."""


def _convert(value: Any, hint: Any) -> Any:
    """`value`, which may be text, as the type that `hint` names. Raises _Unfit."""
    origin = typing.get_origin(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        return _convert_union(value, typing.get_args(hint))
    if origin is typing.Literal:
        return _choose(value, {allowed: allowed for allowed in typing.get_args(hint)})
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        if isinstance(value, hint):
            return value
        return _choose(value, {member.value: member for member in hint})
    converter = _CONVERTERS.get(hint)
    if converter is None:
        raise TypeError(f"an option cannot be of type {hint!r}")
    return converter(value)


def _convert_union(value: Any, members: Sequence[Any]) -> Any:
    optional = type(None) in members
    if optional and (value is None or (isinstance(value, str) and value.strip().lower() in _NONE)):
        return None
    reasons: list[str] = []
    for member in members:
        if member is type(None):
            continue
        try:
            return _convert(value, member)
        except _Unfit as error:
            reasons.append(str(error))
    raise _Unfit(" or ".join([*reasons, *(["none"] if optional else [])]))


def _choose(value: Any, choices: Mapping[Any, Any]) -> Any:
    """The choice that is `value`, or is spelled like the text `value`."""
    for allowed, chosen in choices.items():
        if (type(value) is type(allowed) and value == allowed) or (
            isinstance(value, str) and value.strip() == _as_text(allowed)
        ):
            return chosen
    raise _Unfit(" or ".join(map(_as_text, choices)))


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else ""
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise _Unfit("on or off")


def _to_int(value: Any) -> int:
    number = _number(value, int, "a whole number")
    if number != int(number):
        raise _Unfit("a whole number")
    return int(number)


def _to_float(value: Any) -> float:
    return float(_number(value, float, "a number"))


def _number(value: Any, parse: Callable[[str], float], what: str) -> float:
    # bool is an int to Python, but not to a person.
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        try:
            number = parse(value) if isinstance(value, str) else value
            if math.isfinite(number):
                return number
        except (ValueError, OverflowError):
            pass
    raise _Unfit(what)


def _to_str(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _Unfit("text")


def _to_path(value: Any) -> Path:
    if isinstance(value, Path):
        return value
    if isinstance(value, str) and value.strip() and "\0" not in value:
        # Not Path.expanduser(), which raises for a ~name that is nobody's.
        return expanded(value)
    raise _Unfit("the path of a file")


_CONVERTERS: Mapping[Any, Callable[[Any], Any]] = {
    bool: _to_bool,
    int: _to_int,
    float: _to_float,
    str: _to_str,
    Path: _to_path,
}


def _as_text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value.value if isinstance(value, enum.Enum) else value)


def _check_range(part: str, key: str, value: Any, metadata: Mapping[str, Any]) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return
    low, high = metadata.get("minimum"), metadata.get("maximum")
    if (low is None or low <= value) and (high is None or value <= high):
        return
    if low is not None and high is not None:
        bounds = f"from {low} to {high}"
    else:
        bounds = f"at least {low}" if low is not None else f"at most {high}"
    raise OptionError(f"{part}: {key} is {value}; it must be {bounds}.")
