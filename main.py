"""Mattecam's entry: `python main.py --help` lists what it does."""

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main())
