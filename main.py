"""Mattecam's entry: `python main.py --help` lists what it does."""

import sys
from typing import NoReturn


def _run() -> int:
    try:
        # First of all: what the command line imports takes a moment, and Ctrl-C may come then.
        from app.system.stopping import stop_at_once, stop_on_signals

        try:
            with stop_on_signals():
                from app.system.standard_streams import guard_standard_streams

                guard_standard_streams()
                from app.cli import main

                return main()
        finally:
            stop_at_once()
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return 130


def _run_and_leave() -> NoReturn:
    code = _run()
    from app.system.leaving import leave

    leave(code)


if __name__ == "__main__":
    _run_and_leave()
