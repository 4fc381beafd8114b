"""Batches in the order of recording: one image of a group after another."""

from dataclasses import replace

import pytest

from cryobatch.model import Batch, BatchState
from cryobatch.model.index import IndexEntry
from cryobatch.store import library, queue
from cryobatch.store.database import Database
from cryobatch.store.queue import Submission
from tests.store.store_images import FIT, identity

TIMES = {1: "2026-01-01T00:03:00", 2: "2026-01-01T00:01:00", 3: "2026-01-01T00:02:00", 4: None}
"""Image 2 was recorded first, then 3, then 1; nobody knows when 4 was."""


@pytest.fixture
def series(database: Database) -> Database:
    """Return a database with a series of four images, and one of another group."""
    with database.transaction() as t:
        library.register(t, [replace(identity(n), recorded_at=at) for n, at in TIMES.items()])
        library.register(t, [identity(5, "other")])
    return database


def stand_in_line(database: Database, *images: int, top: bool = False) -> tuple[int, ...]:
    """Submit an ordered batch of each image."""
    with database.transaction() as t:
        requests = [Submission(one, FIT, in_order=True) for one in images]
        return queue.submit(t, requests, top=top, now=1.0).ids


def claim(database: Database) -> Batch | None:
    """Claim what can run."""
    with database.transaction() as t:
        return queue.claim(t, "local-1", 2.0)


def claimed(database: Database) -> int | None:
    """Claim what can run, and return its image."""
    batch = claim(database)
    return None if batch is None else batch.image_id


def test_images_of_a_group_wait_for_the_one_recorded_before(series: Database) -> None:
    """Whatever their places in the queue; another group does not wait for them."""
    stand_in_line(series, 1, 2, 3, 4, 5)
    assert claimed(series) == 2
    assert claimed(series) == 5
    assert claimed(series) is None
    with series.reading() as r:
        assert not queue.can_claim(r)


def test_the_next_one_begins_when_the_scripts_in_order_have_ended(series: Database) -> None:
    """The rest of the batch before goes on beside it."""
    stand_in_line(series, 1, 2, 3, 4)
    order = []
    while (batch := claim(series)) is not None:
        order.append(batch.image_id)
        assert batch.in_order
        with series.transaction() as t:
            assert queue.release(t, batch.id, batch.attempt)
    assert order == [2, 3, 1, 4]
    with series.reading() as r:
        assert queue.counts(r)[BatchState.RUNNING] == 4


def test_a_batch_that_ends_lets_the_next_one_begin(series: Database) -> None:
    """Failed, or taken out of the queue while it waited."""
    ids = stand_in_line(series, 1, 2, 3)
    batch = claim(series)
    assert batch is not None
    with series.transaction() as t:
        assert not queue.release(t, batch.id, batch.attempt - 1)
        queue.finish(t, batch.id, batch.attempt, BatchState.FAILED, {"fit_ctf": "no"}, 3.0)
        queue.remove(t, [ids[2]], 3.0)
    assert claimed(series) == 1


def test_a_batch_given_back_keeps_its_turn(series: Database) -> None:
    """Its processor died: the images behind it wait on."""
    stand_in_line(series, 2, 3)
    batch = claim(series)
    assert batch is not None
    with series.transaction() as t:
        queue.give_back(t, batch.id, batch.attempt, lost=True, now=3.0)
    assert claimed(series) == 2
    assert claimed(series) is None


def test_what_is_tried_again_stands_in_line_again(series: Database) -> None:
    """A failed one comes before the later ones that still wait."""
    stand_in_line(series, 2)
    batch = claim(series)
    assert batch is not None
    with series.transaction() as t:
        queue.finish(t, batch.id, batch.attempt, BatchState.FAILED, {"fit_ctf": "no"}, 3.0)
    stand_in_line(series, 3)
    queue.retry_all(series, None, top=False, now=4.0)
    assert claimed(series) == 2
    assert claimed(series) is None


def test_batches_without_order_do_not_wait(series: Database) -> None:
    """They neither wait nor are waited for."""
    stand_in_line(series, 2, 1)
    with series.transaction() as t:
        queue.submit(t, [Submission(3, FIT)], top=False, now=1.0)
    assert [claimed(series), claimed(series), claimed(series)] == [2, 3, None]


def test_the_value_before_is_that_of_the_image_recorded_before(series: Database) -> None:
    """Of the nearest one that has it, in its own group."""
    with series.transaction() as t:
        for number, value in ((2, 20.0), (1, 10.0), (5, 50.0)):
            library.index(t, number, IndexEntry({"step": value}, {}, None, "", False, ()))
        library.index(t, 3, IndexEntry({"step": None}, {"step": "none"}, None, "", False, ()))
    with series.reading() as r:
        found = {number: library.previous_value(r, number, "step") for number in (*TIMES, 5)}
    assert found == {2: None, 3: 20.0, 1: 20.0, 4: 10.0, 5: None}


def test_what_waits_tells_for_which_image(series: Database) -> None:
    """For the one recorded just before, or for its own."""
    stand_in_line(series, 1, 2, 3)
    with series.transaction() as t:
        queue.submit(t, [Submission(2, ("unpack",)), Submission(4, FIT)], top=False, now=1.0)
    assert claimed(series) == 2
    with series.reading() as r:
        found = {(row.batch.image_id, row.waits_for) for row in queue.listing(r)}
    assert found == {(2, None), (3, "image_2"), (1, "image_3"), (2, "image_2"), (4, None)}
