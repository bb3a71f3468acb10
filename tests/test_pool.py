"""Memory comes back when nobody looks at it any more, and never before."""

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.pool import PicturePool


def address(picture) -> int:
    return picture.__array_interface__["data"][0]


def test_a_picture_has_the_size_that_was_asked_for() -> None:
    pool = PicturePool()
    assert pool.rgb((8, 4)).shape == (4, 8, 3)
    assert pool.alpha((8, 4)).shape == (4, 8)
    assert pool.rgb((8, 4)).flags.c_contiguous
    assert pool.rgb((8, 4)).flags.writeable


def test_memory_that_nobody_holds_is_used_again() -> None:
    pool = PicturePool()
    first = pool.rgb((64, 32))
    where = address(first)
    del first
    assert address(pool.rgb((64, 32))) == where


def test_a_view_keeps_the_memory() -> None:
    pool = PicturePool()
    first = pool.rgb((64, 32))
    where, corner = address(first), first[2:4, 2:4, 1:]
    del first
    assert address(pool.rgb((64, 32))) != where
    del corner
    assert where in {address(picture) for picture in (pool.rgb((64, 32)), pool.rgb((64, 32)))}


@given(st.lists(st.integers(0, 9), max_size=60))
def test_two_pictures_that_are_held_never_share_memory(moves: list[int]) -> None:
    pool, held = PicturePool(kept=3), {}
    for number, slot in enumerate(moves):
        if slot in held:
            picture, value = held.pop(slot)
            assert (picture == value).all()
        else:
            held[slot] = (pool.rgb((5, 3)), number)
            held[slot][0][:] = number
    assert all((picture == value).all() for picture, value in held.values())


def test_another_size_lets_the_former_memory_go() -> None:
    pool = PicturePool()
    small = [pool.rgb((4, 4)) for _ in range(5)]
    big = pool.rgb((8, 8))
    del small
    assert len(pool._free) == 0
    del big
    assert len(pool._free) == 1


def test_no_more_is_kept_than_was_said() -> None:
    pool = PicturePool(kept=2)
    pictures = [pool.alpha((4, 4)) for _ in range(5)]
    pictures.clear()
    assert len(pool._free) == 2


def test_a_copy_holds_the_same_picture() -> None:
    picture = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    copied = PicturePool().copy(picture)
    assert np.array_equal(copied, picture)
    assert not np.shares_memory(copied, picture)


def test_it_may_be_let_go_of_in_another_thread() -> None:
    pool, box = PicturePool(), []
    box.append(pool.rgb((16, 16)))
    where = address(box[0])
    dropper = threading.Thread(target=box.clear)
    dropper.start()
    dropper.join()
    assert address(pool.rgb((16, 16))) == where


def test_memory_in_use_outlives_the_pool() -> None:
    pool = PicturePool()
    picture = pool.rgb((4, 4))
    picture[:] = 7
    del pool
    assert (picture == 7).all()
