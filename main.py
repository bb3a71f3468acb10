"""Mattecam's entry: `python main.py --help` lists what it does."""

from app.cli import main
from app.system.leaving import run_and_leave

if __name__ == "__main__":
    run_and_leave(main)
