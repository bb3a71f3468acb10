"""Specs, options and their conversions."""

from __future__ import annotations

import math
import string
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import OptionError
from app.registry import REQUIRED, Registry, make_options, option


class Side(Enum):
    LEFT = "left"
    RIGHT = "right"


class Part:
    pass


parts: Registry[Part] = Registry("part")


@parts.register("full", title="Full")
class Full(Part):
    """Every type that an option may have.

    And a second line."""

    @dataclass(frozen=True)
    class Options:
        path: Path = option(REQUIRED, "Path")
        count: int = option(3, "Count", minimum=1, maximum=9)
        share: float = option(0.5, "Share", minimum=0, maximum=1)
        gain: float = option(1.0, "Gain", minimum=0)
        depth: int = option(0, "Depth", maximum=4)
        loud: bool = option(False, "Loud")
        mode: Literal["soft", "hard"] = option("soft", "Mode")
        level: Literal[1, 2] = option(1, "Level")
        side: Side = option(Side.LEFT, "Side")
        limit: int | None = option(None, "Limit")
        label: str = option("", "Label")

    def __init__(self, options: Options) -> None:
        self.options = options


@parts.register("plain", title="Plain")
class Plain(Part):
    @staticmethod
    def unavailable_because() -> str | None:
        return "It is away. Call it back."


@parts.register("one", title="One")
class One(Part):
    @dataclass(frozen=True)
    class Options:
        radius: int = option(21, "Radius", minimum=1, maximum=99)

    def __init__(self, options: Options) -> None:
        self.options = options


def full(**options: Any) -> Full.Options:
    made: Full.Options = make_options(parts.entry("full"), {"path": "x", **options})
    return made


def test_a_name_alone_takes_the_defaults() -> None:
    part = parts.create_from_spec("one")
    assert isinstance(part, One)
    assert part.options == One.Options(21)


def test_the_value_after_the_colon_is_the_first_option() -> None:
    assert parts.parse("one:25") == ("one", {"radius": "25"})
    assert parts.parse("one:radius=25") == ("one", {"radius": "25"})


def test_a_file_name_may_hold_commas_colons_and_equals_signs() -> None:
    assert parts.parse("full:C:\\a, b=c.jpg,mode=hard, count=2") == (
        "full",
        {"path": "C:\\a, b=c.jpg", "mode": "hard", "count": "2"},
    )


def test_a_part_without_options_is_made_without() -> None:
    assert isinstance(parts.create_from_spec("plain"), Plain)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("nothing", "There is no part called 'nothing'. There are: full, plain, one."),
        ("one:", "Nothing stands after the colon in 'one:'; leave the colon out."),
        ("one: ", "leave the colon out"),
        ("plain:7", "The part 'plain' has no options: leave '7' out."),
        ("one:25,radius=3", "radius is given twice in 'one:25,radius=3'; say it once."),
        ("one:radius=1,radius=3", "radius is given twice"),
        ("one:100", "one: radius is 100; it must be from 1 to 99."),
        ("one:0", "from 1 to 99"),
        ("one:soft", "one: radius is 'soft'; it must be a whole number."),
        ("one:2.5", "a whole number"),
        ("one:25,raduis=3", "radius is '25,raduis=3'"),
        ("full", "full needs a path: full:PATH."),
    ],
)
def test_a_wrong_spec_says_what_is_right(spec: str, says: str) -> None:
    with pytest.raises(OptionError) as raised:
        parts.create_from_spec(spec)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("key", "value", "becomes"),
    [
        ("path", "a b.jpg", Path("a b.jpg")),
        ("path", Path("y"), Path("y")),
        ("count", " 7 ", 7),
        ("count", 7, 7),
        ("count", 7.0, 7),
        ("share", "0.25", 0.25),
        ("share", 1, 1.0),
        ("loud", "ON", True),
        ("loud", "no", False),
        ("loud", True, True),
        ("mode", "hard", "hard"),
        ("level", "2", 2),
        ("level", 2, 2),
        ("side", "right", Side.RIGHT),
        ("side", Side.RIGHT, Side.RIGHT),
        ("limit", "none", None),
        ("limit", None, None),
        ("limit", "5", 5),
        ("label", " kept as it is ", " kept as it is "),
    ],
)
def test_a_value_becomes_the_type_that_the_option_has(key: str, value: Any, becomes: Any) -> None:
    made = getattr(full(**{key: value}), key)
    assert made == becomes
    assert type(made) is type(becomes)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("path", "  ", "the path of a file"),
        ("path", 5, "the path of a file"),
        ("path", "a\0b", "the path of a file"),
        ("count", True, "a whole number"),
        ("count", 2.5, "a whole number"),
        ("count", None, "a whole number"),
        ("count", "9" * 5000, "a whole number"),
        ("share", "nan", "a number"),
        ("share", math.nan, "a number"),
        ("gain", "inf", "a number"),
        ("gain", math.inf, "a number"),
        ("gain", -0.5, "at least 0"),
        ("depth", 5, "at most 4"),
        ("share", "1.01", "from 0 to 1"),
        ("share", True, "a number"),
        ("loud", "perhaps", "on or off"),
        ("loud", 3, "on or off"),
        ("mode", "loud", "soft or hard"),
        ("mode", 1, "soft or hard"),
        ("level", "3", "1 or 2"),
        ("level", True, "1 or 2"),
        ("side", "middle", "left or right"),
        ("limit", "few", "a whole number or none"),
        ("label", 3, "text"),
    ],
)
def test_a_value_that_does_not_fit_names_the_option_and_what_would(
    key: str, value: Any, says: str
) -> None:
    with pytest.raises(OptionError) as raised:
        full(**{key: value})
    assert str(raised.value).startswith(f"full: {key} is ")
    assert says in str(raised.value)


def test_an_option_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(OptionError, match=r"one has no option 'raduis'. Its options: radius\."):
        parts.create("one", raduis=3)


def test_an_option_of_a_type_that_no_one_can_write_is_its_authors_error() -> None:
    registry: Registry[Part] = Registry("part")

    @registry.register("odd", title="Odd")
    class Odd(Part):
        @dataclass(frozen=True)
        class Options:
            numbers: bytes = option(b"", "Numbers")

    with pytest.raises(TypeError, match="cannot be of type"):
        registry.create("odd", numbers="1")


def test_a_name_is_registered_once_and_can_be_written_in_a_spec() -> None:
    registry: Registry[Part] = Registry("part")
    registry.register("a", title="A")(Part)
    again = registry.register("a", title="A")
    with pytest.raises(ValueError, match="twice"):
        again(Part)
    for name in ("A", "a:b", "a b", "", "-a", "a,b"):
        with pytest.raises(ValueError, match="lower case"):
            registry.register(name, title="A")


def test_an_entry_tells_of_itself() -> None:
    assert parts.entry("full").description == "Every type that an option may have."
    assert parts.entry("plain").unavailable_because() == "It is away. Call it back."
    assert parts.entry("one").unavailable_because() is None
    assert [entry.title for entry in parts.entries()] == ["Full", "Plain", "One"]


def test_discovering_imports_every_module_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "made_up_parts"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from app.registry import Registry\nparts = Registry('part', 'made_up_parts')\n"
    )
    (package / "first.py").write_text(
        "from made_up_parts import parts\n@parts.register('first', title='First')\nclass First: ..."
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    assert importlib.import_module("made_up_parts").parts.names() == ("first",)


# What ends a value is ",KEY=", so a text that holds one cannot be written in a spec.
_text = st.text(string.ascii_letters + string.digits + " ,:;.#/_-äß\\").map(
    lambda text: f"x{text}x"
)


@given(
    path=_text.map(Path),
    count=st.integers(1, 9),
    share=st.floats(0, 1),
    gain=st.floats(0, allow_infinity=False),
    loud=st.booleans(),
    mode=st.sampled_from(["soft", "hard"]),
    level=st.sampled_from([1, 2]),
    side=st.sampled_from(Side),
    limit=st.none() | st.integers(),
    label=_text,
)
def test_options_survive_being_written_as_a_spec(**given_options: Any) -> None:
    options = Full.Options(**given_options)
    part = parts.create_from_spec(parts.spec_of("full", options))
    assert isinstance(part, Full)
    assert part.options == options


@given(st.text())
def test_no_text_makes_parsing_fail_in_another_way_than_a_sentence(text: str) -> None:
    for spec in (text, f"one:{text}", f"full:{text}"):
        try:
            parts.create_from_spec(spec)
        except OptionError as error:
            assert str(error).endswith(".")  # noqa: PT017


def test_a_comma_may_follow_the_name_at_once() -> None:
    registry: Registry[Part] = Registry("part")

    @registry.register("camera", title="Camera")
    class Camera(Part):
        @dataclass(frozen=True)
        class Options:
            device: str = option("", "Device", "")
            size: str = option("auto", "Size", "")

        def __init__(self, options: Options) -> None:
            self.options = options

    assert registry.parse("camera,size=2x2") == registry.parse("camera:size=2x2")
    with pytest.raises(OptionError, match="no KEY=VALUE after the comma"):
        registry.parse("camera,0")
    with pytest.raises(OptionError, match="Nothing stands after the comma"):
        registry.parse("camera,")
