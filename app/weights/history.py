"""Where weights come from: what a .safetensors file's metadata say of how it was made."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from app.system.text import printable

log = logging.getLogger(__name__)

Kind = Literal["soc", "training"]


@dataclass(frozen=True)
class History:
    """kind: "soc" for weights adapted to somebody, "training" else.

    parent: the name of the weights that they were made from. date: ISO, empty where not told.
    frames, steps: of what was learned from and how long, None where not told. source: the name of
    what was learned from.
    """

    kind: Kind
    parent: str
    date: str = ""
    frames: int | None = None
    steps: int | None = None
    source: str = ""

    def __str__(self) -> str:
        """A few words for a list: "adapted from NAME, 2026-11-25, 240 frames, 300 steps"."""
        what = "adapted" if self.kind == "soc" else "trained"
        words = [f"{what} from {self.parent}", self.date]
        words += [
            f"{count} {unit}" for count, unit in ((self.frames, "frames"), (self.steps, "steps"))
            if count is not None
        ]  # fmt: skip
        return ", ".join(word for word in words if word)

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    def as_metadata(self) -> dict[str, str]:
        """What `read` understands."""
        told = {key: value for key, value in asdict(self).items() if key != "parent"}
        return {"parent": self.parent, "history": json.dumps(told)}


def read(metadata: Mapping[str, str]) -> History | None:
    """None where the metadata tell of no parent. They are another's words: any may be missing."""
    parent = metadata.get("parent")
    if not parent:
        return None
    told: object = {}
    try:
        told = json.loads(metadata.get("history", "{}"))
    # Another's words: whatever is wrong with them (the parser raises ValueError and
    # RecursionError), the weights are none the worse.
    except Exception as error:  # noqa: BLE001
        log.info("the history of the weights is left out: %s", error)
    if not isinstance(told, dict):
        told = {}
    return History(
        kind="soc" if told.get("kind") == "soc" else "training",
        parent=printable(parent),
        date=_text(told.get("date")),
        frames=_count(told.get("frames")),
        steps=_count(told.get("steps")),
        source=_text(told.get("source")),
    )


def _text(value: object) -> str:
    return printable(value) if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    """A number of a thousand digits counts nothing, and breaks a list."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12:
        return value
    return None
