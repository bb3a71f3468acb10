"""Mattecam's entry: `python main.py --help` lists what it does."""

import sys


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


if __name__ == "__main__":
    try:
        from app.system.leaving import run_and_leave
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)
    run_and_leave(_run)
