"""What is printed on stdout. Names in it are plain text; without rich, which is slow to import."""

from __future__ import annotations

import typer

from app.plain_text import readable


def echo(line: str) -> None:
    """Prints one line; control characters and line breaks in it are replaced."""
    echo_page(f"{readable(line)}\n")


def echo_page(page: str) -> None:
    """Prints `page` with its line breaks; other control characters are replaced."""
    typer.echo(readable(page, keep="\n\t"), nl=False)  # noqa: TID251
