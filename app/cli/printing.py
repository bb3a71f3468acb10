"""What is printed on stdout. Names in it are plain text; without rich, which is slow to import."""

from __future__ import annotations

import typer

from app.plain_text import readable


def echo(line: str, *, err: bool = False) -> None:
    """Prints one line; control characters and line breaks in it are replaced.

    Args:
        err: on stderr, because stdout carries something else.
    """
    echo_page(f"{readable(line)}\n", err=err)


def echo_page(page: str, *, err: bool = False) -> None:
    """Prints `page` with its line breaks; other control characters are replaced."""
    typer.echo(readable(page, keep="\n\t"), nl=False, err=err)  # noqa: TID251
