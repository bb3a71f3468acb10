"""The command line. One small file per command; this one maps errors to exit codes.

0 good, 1 failed (also: nobody reads the output any more), 2 usage, 130 stopped by Ctrl-C, SIGTERM
or SIGHUP. No traceback reaches a user, unless --debug is given.
"""

from __future__ import annotations

import errno
import io
import logging
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from app import __version__
from app.errors import MattecamError
from app.plain_text import PlainFormatter, readable
from app.system.standard_streams import ReaderGone
from app.system.stopping import stop_on_signals
from app.system.temporary import remove_stale
from app.system.text import printable

cli = typer.Typer(
    name="mattecam",
    help="Cut a person out of video with MODNet and put them on another background.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        from app.cli.printing import echo

        echo(f"mattecam {__version__}")
        raise typer.Exit


@cli.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Log everything, and show tracebacks.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    handler = logging.StreamHandler(sys.stderr)
    # The name of a module means nothing to a user.
    form = "%(levelname)s %(name)s: %(message)s" if debug else "%(message)s"
    handler.setFormatter(PlainFormatter(form))
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[handler])


def _register_commands() -> None:
    # Imported here, below `cli`: each command file takes `cli` from this module. The files import
    # what is heavy (torch, openvino, av) only when their command runs.
    from app.cli import (  # noqa: F401
        adapt,
        bench,
        bench_recording,
        convert,
        devices,
        doctor,
        evaluate,
        export,
        gui,
        live,
        train,
        weights,
    )


# What the system says of a name that no file can have.
_NO_NAMES = (errno.ENAMETOOLONG, errno.EILSEQ, errno.ELOOP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with stop_on_signals() as stop:
        try:
            code = _run(arguments)
            _flush()
        except (KeyboardInterrupt, typer.Abort):
            code = _stopped()
        except ReaderGone:
            code = 1
        except MattecamError as error:
            code = _failed(error, debug="--debug" in arguments)
        except Exception as error:  # noqa: BLE001 - told in a sentence
            # What a library makes of an interruption that it met in the middle of something.
            code = _stopped() if stop.number is not None else _unexpected(error, arguments)
    return code


def _run(arguments: list[str]) -> int:
    """Not typer's own `main`: it ends in silence where a pipe breaks or ends, whosever it is."""
    _register_commands()
    remove_stale()
    if not arguments and _window_can_open():
        arguments = ["gui"]
    if any("\0" in argument for argument in arguments):
        _say("An argument holds a NUL character, which no name of a file can have.")
        return 2
    command = typer.main.get_command(cli)
    try:
        with command.make_context("mattecam", arguments) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _NO_NAMES and error.filename:
            logging.debug("no name of a file", exc_info=True)
            _say(f"{printable(str(error.filename))} cannot be used as a name ({error.strerror}).")
            return 2
        # typer's own usage errors know how to show themselves and carry exit code 2.
        if hasattr(error, "exit_code") and hasattr(error, "show"):
            page = io.StringIO()
            error.show(file=page)
            _say_page(page.getvalue())
            return int(error.exit_code)
        raise
    return 0


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _stopped() -> int:
    _say("Stopped.")
    return 130


def _failed(error: MattecamError, *, debug: bool) -> int:
    if debug:
        logging.exception("the error, for a developer")
    _say(str(error))
    return error.exit_code


def _unexpected(error: Exception, arguments: Sequence[str]) -> int:
    if "--debug" in arguments:
        raise error
    logging.debug("unexpected", exc_info=True)
    _say(
        f"Something went wrong inside mattecam: {type(error).__name__}: {error}. "
        "Run it again as `python main.py --debug ...` and report what it prints."
    )
    return 1


def _window_can_open() -> bool:
    from app.cli.gui import has_display

    return has_display()


def _say_page(page: str) -> None:
    """As typer wrote it, but for what a name in it would do to the terminal."""
    sys.stderr.write(readable(page, keep="\n"))


def _say(sentence: str) -> None:
    from app.cli.terminal import Terminal, plain

    Terminal(stderr=True).print(plain(sentence), soft_wrap=True)
