"""The bounded, closeable box between two threads. It drops the oldest, and says so."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")


class Wake(Enum):
    """Why `Mailbox.take` came back without an item."""

    CALLED = "somebody called wake()"
    DUE = "the time was up"
    CLOSED = "closed, and nothing is left"


class Mailbox(Generic[T]):
    """At most `depth` items wait; where one more comes, the oldest is dropped.

    on_drop: called once for each dropped item, outside of the lock, in the thread that puts.
    doorbell: called where an item came into the empty box, and only then, in the thread that puts:
        whoever answers takes until nothing is left.
    """

    def __init__(
        self,
        depth: int = 1,
        *,
        on_drop: Callable[[], None] | None = None,
        doorbell: Callable[[], None] | None = None,
    ) -> None:
        if depth < 1:
            raise ValueError("a mailbox holds at least one item")
        self._depth = depth
        self._on_drop = on_drop
        self._doorbell = doorbell
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._woken = False
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many items were dropped so far because newer ones came."""
        with self._changed:
            return self._dropped

    @property
    def closed(self) -> bool:
        with self._changed:
            return self._closed

    def __len__(self) -> int:
        with self._changed:
            return len(self._items)

    def put(self, item: T) -> bool:
        """Never waits. False, and the item is gone, where the box is closed."""
        with self._changed:
            if self._closed:
                return False
            was_empty = not self._items
            drops = len(self._items) >= self._depth
            if drops:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._changed.notify()
        if drops and self._on_drop is not None:
            self._on_drop()
        if was_empty and self._doorbell is not None:
            self._doorbell()
        return True

    def take(self, *, until: float | None = None, accept: bool = True) -> T | Wake:
        """Waits for an item and gives the oldest, or the reason why there is none.

        until: on time.monotonic()'s clock; None waits for ever, which `close` and `wake` end.
        accept: False leaves the items where they are, so that newer ones may still replace them,
            and waits for the other reasons only. A closed box gives its items all the same.
        """
        with self._changed:
            while True:
                if self._items and (accept or self._closed):
                    return self._items.popleft()
                if self._closed:
                    return Wake.CLOSED
                if self._woken:
                    self._woken = False
                    return Wake.CALLED
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return Wake.DUE
                self._changed.wait(left)

    def take_now(self) -> T | None:
        """The oldest item, or None, without waiting."""
        with self._changed:
            return self._items.popleft() if self._items else None

    def wake(self) -> None:
        """Lets the waiting `take`, or the next one that finds no item, come back once."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def close(self, *, discard: bool = False) -> None:
        """No more items come in. What waits may still be taken, unless it is discarded."""
        with self._changed:
            self._closed = True
            if discard:
                self._items.clear()
            self._changed.notify_all()
