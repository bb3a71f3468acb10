"""Characters that act are replaced; all others, of every language, stay."""

from __future__ import annotations

import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InputError, MattecamError
from app.plain_text import PlainFormatter, readable


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("holiday.jpg", "holiday.jpg"),
        ("[red]x[/red].mp4", "[red]x[/red].mp4"),
        ("Zoë 東京 🏖️ שלום नमस्ते.mp4", "Zoë 東京 🏖️ שלום नमस्ते.mp4"),
        ("a\u200db", "a\u200db"),  # the joiner of emoji and of Indian scripts
        ("a\x1b[31mb", "a�[31mb"),
        ("a\nb\rc\td", "a�b�c�d"),
        ("a\x9b31mb", "a�31mb"),  # the one-byte form of the same
        ("photo\u202egpj.exe", "photo�gpj.exe"),
        ("\u2066x\u2069", "�x�"),
        ("a\u2028b", "a�b"),
        ("caf\udce9.mp4", "caf�.mp4"),  # a byte that is no UTF-8
    ],
)
def test_what_acts_is_replaced(text: str, seen: str) -> None:
    assert readable(text) == seen


@given(st.text(st.characters(exclude_categories=())))
def test_whatever_comes_can_be_printed_and_stays_as_long(text: str) -> None:
    seen = readable(text)
    seen.encode("utf-8")
    assert len(seen) == len(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in seen)
    assert readable(seen) == seen


@pytest.mark.parametrize("kind", [MattecamError, InputError])
def test_a_sentence_of_ours_is_one_line_whatever_it_names(kind: type[MattecamError]) -> None:
    assert str(kind("There is no file a\nb\x1b[2J.mp4.")) == "There is no file a�b�[2J.mp4."


def test_a_name_cannot_begin_a_record_of_its_own_in_the_log() -> None:
    formatter = PlainFormatter("%(levelname)s: %(message)s")
    record = logging.LogRecord("x", logging.INFO, "", 0, "lost %s", ("a\nERROR: b\x1b[31m",), None)
    assert formatter.format(record) == "INFO: lost a�ERROR: b�[31m"
