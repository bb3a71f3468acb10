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
import pkgutil
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from app.errors import OptionError

T = TypeVar("T")

_TRUE = {"1", "true", "on", "yes"}
_FALSE = {"0", "false", "off", "no"}


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

    `minimum` and `maximum` are inclusive. The first field of an `Options` is the one that
    `NAME:VALUE` sets.
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

    def register(self, name: str, *, title: str) -> Callable[[type[T]], type[T]]:
        """Class decorator. The class may have an inner frozen dataclass `Options`."""

        def decorate(factory: type[T]) -> type[T]:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            options = getattr(factory, "Options", NoOptions)
            self._entries[name] = Entry(name, title, factory, options)
            return factory

        return decorate

    def discover(self) -> None:
        """Imports every module of the registry's package, once; modules register themselves."""
        if self._package is None:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")

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

        VALUE belongs to the first option. Only a trailing `,KEY=VALUE` whose KEY is one of the
        part's options is split off, so that a file name may hold commas.
        """
        name, colon, rest = spec.partition(":")
        entry = self.entry(name)
        fields = [field.name for field in dataclasses.fields(entry.options)]
        found: dict[str, str] = {}
        while rest:
            head, comma, last = rest.rpartition(",")
            key, equals, value = last.partition("=")
            if not equals or key.strip() not in fields:
                break
            found.setdefault(key.strip(), value)
            rest = head
            if not comma:
                break
        if rest:
            if not fields:
                raise OptionError(
                    f"The {self.kind} {name!r} has no options, so {rest!r} says nothing."
                )
            found.setdefault(fields[0], rest)
        elif colon and not found:
            raise OptionError(f"Nothing stands after the colon in {spec!r}.")
        return name, found

    def create_from_spec(self, spec: str) -> T:
        """Makes one from text such as `blur:25` or `image:beach.jpg,fit=contain`."""
        name, options = self.parse(spec)
        return self.create(name, **options)


def make_options(entry: Entry[Any], given: dict[str, Any]) -> Any:
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
        values[key] = _convert(entry.name, key, value, hints[key])
    for key, field in fields.items():
        if key in values:
            _check_range(entry.name, key, values[key], field.metadata)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise OptionError(f"{entry.name} needs a {key}: {entry.name}:{key.upper()}.")
    return entry.options(**values)


def _convert(part: str, key: str, value: Any, hint: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return None if value is None else _convert(part, key, value, inner[0])
    if origin is typing.Literal:
        allowed = typing.get_args(hint)
        if value not in allowed:
            raise OptionError(
                f"{part}: {key} is {value!r}; it may be {', '.join(map(str, allowed))}."
            )
        return value
    if not isinstance(hint, type) or isinstance(value, hint):
        return value
    if isinstance(value, str):
        text = value.strip()
        if hint is bool:
            if text.lower() in _TRUE | _FALSE:
                return text.lower() in _TRUE
            raise OptionError(f"{part}: {key} is {value!r}; it may be on or off.")
        if issubclass(hint, enum.Enum) or hint in (int, float):
            try:
                return hint(text)
            except ValueError:
                what = {int: "a whole number", float: "a number"}.get(hint, "one of its values")
                raise OptionError(f"{part}: {key} is {value!r}; it must be {what}.") from None
        return hint(text)
    if hint is float and isinstance(value, int):
        return float(value)
    return hint(value)


def _check_range(part: str, key: str, value: Any, metadata: typing.Mapping[str, Any]) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return
    low, high = metadata.get("minimum"), metadata.get("maximum")
    # `not (low <= value)` rather than `value < low`: NaN must fail too.
    if (low is not None and not low <= value) or (high is not None and not value <= high):
        bounds = (
            f"from {low} to {high}"
            if low is not None and high is not None
            else (f"at least {low}" if low is not None else f"at most {high}")
        )
        raise OptionError(f"{part}: {key} is {value}; it must be {bounds}.")
