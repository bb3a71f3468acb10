"""What the command line makes of what goes wrong inside: always a sentence."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest

from app.cli import main
from app.system.standard_streams import ReaderGone
from app.weights import store


def _fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    def fail() -> None:
        raise error

    monkeypatch.setattr(store, "status", fail)
    return main(["weights", "list"])


@pytest.mark.parametrize(
    "error",
    [
        BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)),
        ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)),
        EOFError("a child closed its pipe"),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        RuntimeError("whatever it is"),
    ],
)
def test_a_pipe_that_is_not_the_standard_output_never_ends_it_in_silence(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _fail_with(error, monkeypatch) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert type(error).__name__ in err
    assert "Traceback" not in err


def test_only_our_own_reader_may_go_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _fail_with(ReaderGone(), monkeypatch) == 1
    assert capsys.readouterr() == ("", "")


def test_an_interruption_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _fail_with(KeyboardInterrupt(), monkeypatch) == 130
    assert capsys.readouterr() == ("", "Stopped.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends the process there")
def test_what_a_library_makes_of_an_interruption_is_one_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise ImportError("it was interrupted in the middle") from None

    monkeypatch.setattr(store, "status", fail)
    assert main(["weights", "list"]) == 130
    assert capsys.readouterr() == ("", "Stopped.\n")


def test_a_warning_is_a_plain_sentence() -> None:
    code = (
        "import logging, sys; from app.cli import main; from app.weights import store\n"
        "log = logging.getLogger('app.sources.video_file')\n"
        "store.status = lambda: log.warning('The clip is interlaced.') or []\n"
        "sys.exit(main(['weights', 'list']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "The clip is interlaced.\n"
