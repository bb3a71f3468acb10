"""The box between two threads."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runtime.mailbox import Mailbox, Wake

LONG = 120.0  # seconds that nothing here should ever take


def soon() -> float:
    return time.monotonic() + LONG


def test_the_oldest_gives_way_and_is_counted() -> None:
    told: list[None] = []
    box: Mailbox[int] = Mailbox(2, on_drop=lambda: told.append(None))
    for item in range(5):
        assert box.put(item)
    assert [box.take(), box.take()] == [3, 4]
    assert box.dropped == len(told) == 3


@given(
    depth=st.integers(1, 5),
    actions=st.lists(st.sampled_from(["put", "take"]), max_size=60),
)
def test_nothing_is_lost_without_being_counted_and_the_order_stays(
    depth: int, actions: list[str]
) -> None:
    box: Mailbox[int] = Mailbox(depth)
    put, taken = 0, []
    for action in actions:
        if action == "put":
            box.put(put)
            put += 1
        elif (item := box.take_now()) is not None:
            taken.append(item)
        assert len(box) <= depth
    assert put == len(taken) + box.dropped + len(box)
    assert taken == sorted(taken)


def test_the_doorbell_rings_only_for_the_empty_box() -> None:
    rung: list[None] = []
    box: Mailbox[int] = Mailbox(doorbell=lambda: rung.append(None))
    box.put(1)
    box.put(2)
    assert len(rung) == 1
    assert box.take_now() == 2
    assert box.take_now() is None
    box.put(3)
    assert len(rung) == 2


def test_a_closed_box_gives_what_it_holds_and_takes_nothing() -> None:
    rung: list[None] = []
    box: Mailbox[int] = Mailbox(2, doorbell=lambda: rung.append(None))
    box.put(1)
    box.close()
    assert not box.put(2)
    assert box.take() == 1
    assert box.take() is Wake.CLOSED
    assert box.take() is Wake.CLOSED
    assert len(rung) == 1
    assert box.dropped == 0


def test_what_is_discarded_is_not_given() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    box.close(discard=True)
    assert box.take() is Wake.CLOSED
    assert box.take_now() is None


@pytest.mark.parametrize("how", ["put", "wake", "close"])
def test_one_who_waits_for_ever_is_woken(how: str) -> None:
    box: Mailbox[str] = Mailbox()
    got: list[str | Wake] = []
    waiter = threading.Thread(target=lambda: got.append(box.take()))
    waiter.start()
    {"put": lambda: box.put("item"), "wake": box.wake, "close": box.close}[how]()
    waiter.join(LONG)
    assert got == [{"put": "item", "wake": Wake.CALLED, "close": Wake.CLOSED}[how]]


def test_a_wake_before_the_wait_is_not_lost_and_comes_once() -> None:
    box: Mailbox[int] = Mailbox()
    box.wake()
    box.wake()
    assert box.take(until=soon()) is Wake.CALLED
    assert box.take(until=time.monotonic()) is Wake.DUE


def test_an_item_comes_before_the_wake_which_stays() -> None:
    box: Mailbox[int] = Mailbox()
    box.wake()
    box.put(1)
    assert box.take() == 1
    assert box.take(until=soon()) is Wake.CALLED


def test_who_accepts_nothing_leaves_the_items_to_be_replaced() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    assert box.take(until=time.monotonic(), accept=False) is Wake.DUE
    box.put(2)
    assert box.take() == 2


def test_a_closed_box_gives_its_items_also_to_who_accepts_nothing() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    box.close()
    assert box.take(accept=False) == 1
    assert box.take(accept=False) is Wake.CLOSED


def test_every_item_of_many_writers_is_taken_or_counted() -> None:
    dropped: list[None] = []
    box: Mailbox[int] = Mailbox(3, on_drop=lambda: dropped.append(None))
    writers = [threading.Thread(target=lambda: [box.put(i) for i in range(200)]) for _ in range(4)]
    taken: list[int] = []

    def read() -> None:
        while not isinstance(item := box.take(), Wake):
            taken.append(item)

    reader = threading.Thread(target=read)
    for thread in (reader, *writers):
        thread.start()
    for writer in writers:
        writer.join(LONG)
    box.close()
    reader.join(LONG)
    assert len(taken) + len(dropped) == 800
    assert box.dropped == len(dropped)


def test_a_box_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Mailbox(0)
