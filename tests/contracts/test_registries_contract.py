"""What holds for every registered part of every kind."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from typing import Any

import pytest

import app
from app.registry import Entry, NoOptions, Registry, make_options


def _registries() -> dict[str, Registry[Any]]:
    """Every Registry that a module of the project makes, found by looking."""
    found: dict[int, tuple[str, Registry[Any]]] = {}
    for module in pkgutil.walk_packages(app.__path__, "app."):
        # The window needs PyQt6 and a display's libraries; it registers nothing.
        if module.name.startswith("app.gui"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Registry):
                found[id(value)] = (value.kind, value)
    return dict(found.values())


REGISTRIES = _registries()
ENTRIES = [
    pytest.param(registry, entry, id=f"{kind} {entry.name}")
    for kind, registry in REGISTRIES.items()
    for entry in registry.entries()
]


def test_the_known_kinds_are_there_and_have_entries() -> None:
    assert {"background", "temporal filter", "backbone"} <= set(REGISTRIES)
    assert all(registry.names() for registry in REGISTRIES.values())


@pytest.mark.parametrize(("registry", "entry"), ENTRIES)
def test_a_name_is_lower_case(registry: Registry[Any], entry: Entry[Any]) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", entry.name)
    assert registry.entry(entry.name) is entry


@pytest.mark.parametrize(("registry", "entry"), ENTRIES)
def test_a_part_says_what_it_is(registry: Registry[Any], entry: Entry[Any]) -> None:
    assert entry.title.strip()
    # Its own words, not those of the class that it is made from.
    assert inspect.cleandoc(vars(entry.factory).get("__doc__") or "").strip()
    assert entry.description.endswith((".", ":", ";")), entry.description


@pytest.mark.parametrize(("registry", "entry"), ENTRIES)
def test_every_option_explains_itself(registry: Registry[Any], entry: Entry[Any]) -> None:
    for field in dataclasses.fields(entry.options):
        assert field.metadata.get("title", "").strip(), field.name
        assert field.metadata.get("tooltip", "").strip(), field.name


@pytest.mark.parametrize(("registry", "entry"), ENTRIES)
def test_options_are_frozen_and_their_defaults_allowed(
    registry: Registry[Any], entry: Entry[Any]
) -> None:
    if entry.options is NoOptions:
        return
    assert entry.options.__dataclass_params__.frozen
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(entry.options)
        if field.default is not dataclasses.MISSING
    }
    required = {
        field.name: "something"
        for field in dataclasses.fields(entry.options)
        if field.name not in defaults
    }
    made = make_options(entry, {**required, **defaults})
    assert registry.parse(registry.spec_of(entry.name, made))[0] == entry.name
    written = make_options(entry, registry.parse(registry.spec_of(entry.name, made))[1])
    assert written == made
