"""The log file is private, and names nothing that the user has, unless --debug was given."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import places
from app.errors import InputError
from app.gui.log_file import close_log, log_path, open_log
from app.gui.main_window import MainWindow

LONG = 120_000
SECRET = "Holiday with Ann"
Open = Callable[..., MainWindow]

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has other rights")


@pytest.fixture
def root_level() -> Iterator[Callable[[int], None]]:
    root = logging.getLogger()
    before = root.level, [(handler, handler.level) for handler in root.handlers]
    yield root.setLevel
    root.setLevel(before[0])
    for handler, level in before[1]:
        handler.setLevel(level)


@pytest.fixture
def logged(root_level: Callable[[int], None]) -> Iterator[Callable[[], str]]:
    """Gives what is in the log file."""
    root_level(logging.WARNING)
    handler = open_log(log_path())
    yield lambda: log_path().read_text(encoding="utf-8") if log_path().exists() else ""
    close_log(handler)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except type(error) as caught:
        return caught


@posix
def test_it_and_its_folders_are_the_users_alone(
    root_level: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.gui.log_file._LARGEST", 300)
    path = log_path()
    path.parent.mkdir(parents=True)
    older = path.with_name("mattecam.log.1")
    for former in (path, older):
        former.write_text("from an earlier version")
        former.chmod(0o644)
    path.parent.chmod(0o755)
    before = os.umask(0)
    handler = open_log(path)
    try:
        for _ in range(10):
            logging.getLogger("app").info("a line that is long enough to begin new files")
    finally:
        close_log(handler)
        os.umask(before)
    files = list(path.parent.iterdir())
    assert len(files) == 4
    assert {mode(file) for file in files} == {0o600}
    assert mode(path.parent) == 0o700


@posix
def test_the_folder_of_settings_is_made_for_the_user_alone() -> None:
    before = os.umask(0)
    try:
        handler = open_log(log_path())
    finally:
        os.umask(before)
    close_log(handler)
    assert mode(places.config()) == 0o700


@posix
def test_a_folder_that_the_user_names_keeps_its_rights(config: Path) -> None:
    config.mkdir(parents=True)
    config.chmod(0o750)
    assert places.make_config() == config
    assert mode(config) == 0o750


@pytest.mark.parametrize(
    "argument",
    [
        f"/home/ann/{SECRET}.jpg",
        rf"C:\Users\ann\{SECRET}.jpg",
        f"{SECRET}.png",
        Path(SECRET),
        InputError(f"There is no file {SECRET}."),
        FileNotFoundError(2, "No such file or directory", SECRET),
    ],
)
def test_no_argument_brings_a_name_in(logged: Callable[[], str], argument: object) -> None:
    logging.getLogger("app.x").warning("it broke: %s", argument)
    logging.getLogger("app.x").warning("it broke: %(a)s", {"a": argument})
    assert "it broke" in logged()
    assert SECRET not in logged()


def test_a_traceback_tells_types_and_lines_but_no_message(logged: Callable[[], str]) -> None:
    error = InputError(f"{SECRET} is damaged")
    error.__cause__ = raised(ValueError(SECRET))
    logging.getLogger("app.x").error("unexpected", exc_info=raised(error))
    assert "InputError" in logged()
    assert "ValueError" in logged()
    assert "in raised" in logged()
    assert SECRET not in logged()


def test_a_librarys_message_is_not_kept(logged: Callable[[], str]) -> None:
    logging.getLogger("libav.mov").error(f"{SECRET}.mp4: moov atom not found")
    assert "libav.mov" in logged()
    assert SECRET not in logged()


def test_words_and_numbers_of_our_own_are_kept(logged: Callable[[], str]) -> None:
    logging.getLogger("app.x").info("%s goes on at %s, %.1f s", "the network", "384x224", 1.5)
    assert "the network goes on at 384x224, 1.5 s" in logged()


def test_with_debug_everything_is_written(root_level: Callable[[int], None]) -> None:
    root_level(logging.DEBUG)
    handler = open_log(log_path())
    try:
        logging.getLogger("app.x").debug("it broke: %s", f"/{SECRET}.jpg")
    finally:
        close_log(handler)
    assert SECRET in log_path().read_text(encoding="utf-8")


def test_faults_of_every_part_leave_no_name_in_the_log_of_a_window(
    qtbot: Any, open_window: Open, logged: Callable[[], str], tmp_path: Path
) -> None:
    broken = tmp_path / f"{SECRET}.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 and then nothing")
    window = open_window()
    window.add_backgrounds([broken, tmp_path / f"{SECRET}.mp4"])
    qtbot.waitUntil(lambda: window.messages.has("background"), timeout=LONG)
    window.messages.settle("background")
    window.change(background=f"video:{broken}")
    qtbot.waitUntil(lambda: window.messages.has("background"), timeout=LONG)
    window.change(source=f"file:{tmp_path / SECRET}.mkv")
    qtbot.waitUntil(lambda: window.messages.has("source"), timeout=LONG)
    window.change(card=str(broken), steps=(f"region:{broken}",))
    window.close()
    assert "background" in logged()
    assert "source" in logged()
    assert SECRET not in logged()
    assert tmp_path.name not in logged()
