"""`python main.py gui`, and `python main.py` alone."""

from __future__ import annotations

import sys

import pytest

from app.cli import main
from app.gui import application

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked for instead of a window."""
    asked: list[str] = []

    def run() -> int:
        asked.append("window")
        return 0

    monkeypatch.setattr(application, "run", run)
    return asked


@linux
@pytest.mark.usefixtures("no_display")
def test_without_a_display_it_says_what_works_without_one(
    opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gui"]) == 2
    assert "main.py live" in capsys.readouterr().err
    assert opened == []


@linux
@pytest.mark.usefixtures("no_display")
def test_alone_and_without_a_display_it_lists_the_commands(
    opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([])
    assert "Usage" in "".join(capsys.readouterr())
    assert opened == []


def test_alone_it_opens_the_window(opened: list[str]) -> None:
    assert main([]) == 0
    assert opened == ["window"]
