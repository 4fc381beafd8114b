"""Batches enter the queue, run, end and come back as a person was told."""

import pytest

from cryobatch.errors import UsageError
from cryobatch.model import BatchState
from cryobatch.store import queue
from cryobatch.store.database import Database
from cryobatch.store.queue import Submission, Submitted
from tests.store.store_images import FIT, MakeImages, fill, waiting


def test_what_was_submitted_is_listed_as_it_was(database: Database, images: MakeImages) -> None:
    """A batch keeps its image, scripts, parameters and force."""
    (one,) = images(1)
    request = Submission(one, ("unpack", "fit_ctf"), {"fit_ctf": {"low": 30.5, "ä": None}}, True)
    with database.transaction() as t:
        queue.submit(t, [request], top=False, now=12.5)
    with database.reading() as r:
        (row,) = queue.listing(r)
    assert (row.image, row.group) == ("image_1", "square")
    batch = row.batch
    assert Submission(batch.image_id, batch.scripts, batch.parameters, batch.force) == request
    assert (batch.state, batch.attempt, batch.submitted_at) == (BatchState.WAITING, 0, 12.5)


def test_the_same_waiting_request_is_reported_not_doubled(
    database: Database, images: MakeImages
) -> None:
    """Only image, scripts, parameters and force together make a duplicate."""
    (one,) = images(1)
    first = Submission(one, FIT, {"fit_ctf": {"low": 1.0}})
    others = [
        Submission(one, FIT),
        Submission(one, FIT, force=True),
        Submission(one, ("unpack",)),
        Submission(one, FIT, {"fit_ctf": {"low": 2.0}}),
    ]
    with database.transaction() as t:
        assert queue.submit(t, [first, *others, first], top=False, now=1.0) == Submitted(
            (1, 2, 3, 4, 5), (1,)
        )
        batch = queue.claim(t, "local-1", 2.0)
        assert batch is not None
        assert queue.submit(t, [first], top=False, now=3.0).ids  # it does not wait any more


def test_an_unknown_image_is_refused(database: Database) -> None:
    """Nothing is queued for an image that is not in the library."""
    with pytest.raises(UsageError, match="id 7"):
        fill(database, [7])


def test_a_bundle_on_top_keeps_its_order(database: Database, images: MakeImages) -> None:
    """The bundle comes first, its own batches in the order given."""
    ids = images(5)
    bottom = fill(database, ids[:2])
    top = fill(database, ids[2:], top=True)
    assert waiting(database) == [*top, *bottom]


@pytest.mark.parametrize("top", [False, True])
def test_a_large_bundle_keeps_its_order(
    database: Database, images: MakeImages, monkeypatch: pytest.MonkeyPatch, top: bool
) -> None:
    """In several transactions a bundle stands as in one, whatever others add meanwhile."""
    ids = images(30)
    monkeypatch.setattr("cryobatch.store.queue.submission._CHUNK", 10)
    strangers: list[int] = []

    def others_come(_: float) -> None:
        image = ids[25 + len(strangers)]
        strangers.extend(fill(database, [image], top=top))

    monkeypatch.setattr("cryobatch.store.queue.submission.time.sleep", others_come)
    bundle = queue.submit_all(
        database, [Submission(one, FIT) for one in ids[:25]], top=top, now=1.0
    ).ids
    expected = [*reversed(strangers), *bundle] if top else [*bundle, *strangers]
    assert len(strangers) == 2
    assert waiting(database) == expected


def test_claims_follow_the_order_and_count_attempts(database: Database, images: MakeImages) -> None:
    """The first batch is claimed first, and knows who has it, since when, how often."""
    ids = fill(database, images(2))
    with database.transaction() as t:
        first, second, none = (queue.claim(t, f"local-{n}", 5.0) for n in (1, 2, 3))
    assert first is not None
    assert second is not None
    assert none is None
    assert (first.id, second.id) == ids
    assert (first.state, first.attempt, first.processor, first.started_at) == (
        BatchState.RUNNING, 1, "local-1", 5.0,
    )  # fmt: skip


def test_a_busy_image_does_not_hold_up_the_others(database: Database, images: MakeImages) -> None:
    """A second batch of an image waits for the first; the rest of the queue does not."""
    one, two = images(2)
    with database.transaction() as t:
        requests = [Submission(one, FIT), Submission(one, ("unpack",)), Submission(two, FIT)]
        queue.submit(t, requests, top=False, now=1.0)
        first, third, none = (queue.claim(t, "local-1", 2.0) for _ in range(3))
        assert first is not None
        assert third is not None
        assert (first.id, third.id, none) == (1, 3, None)
        assert queue.claim(t, "local-1", 2.0, exclude=[one]) is None
        assert queue.finish(t, first.id, first.attempt, BatchState.DONE, {}, 3.0)
        assert queue.claim(t, "local-1", 2.0, exclude=[one]) is None
        second = queue.claim(t, "local-1", 2.0)
        assert second is not None
        assert second.id == 2


def test_many_are_claimed_as_if_one_after_the_other(database: Database, images: MakeImages) -> None:
    """Also where two batches of an image follow each other, and what is behind them is free."""
    one, two, three = images(3)
    with database.transaction() as t:
        requests = [Submission(one, FIT), Submission(one, ("unpack",)), Submission(two, FIT),
                    Submission(three, FIT)]  # fmt: skip
        queue.submit(t, requests, top=False, now=1.0)
        claimed = queue.claim_for(t, ["local-1", "local-2", ""], 2.0)
        assert [(batch.id, batch.processor) for batch in claimed] == [
            (1, "local-1"), (3, "local-2"), (4, ""),
        ]  # fmt: skip
        assert [queue.get_batch(t, batch.id) for batch in claimed] == claimed
        assert queue.claim_for(t, ["local-1", "local-2"], 2.0) == []


def test_a_paused_queue_gives_nothing_out(database: Database, images: MakeImages) -> None:
    """Pausing holds the queue until it is resumed."""
    fill(database, images(1))
    with database.transaction() as t:
        queue.pause(t)
        assert queue.is_paused(t)
        assert queue.claim(t, "local-1", 2.0) is None
        queue.resume(t)
        assert not queue.is_paused(t)
        assert queue.claim(t, "local-1", 2.0) is not None


def test_a_report_of_an_old_attempt_changes_nothing(database: Database, images: MakeImages) -> None:
    """After a batch was given back, whoever still works on the old attempt is not heard."""
    fill(database, images(1))
    with database.transaction() as t:
        assert queue.claim(t, "local-1", 2.0)
        assert queue.give_back(t, 1, 1, lost=True, now=3.0)
        assert queue.claim(t, "local-2", 4.0)
        assert not queue.finish(t, 1, 1, BatchState.DONE, {}, 5.0)
        assert not queue.record_failure(t, 1, 1, "fit_ctf", "late")
        assert not queue.give_back(t, 1, 1, lost=True, now=5.0)
        batch = queue.get_batch(t, 1)
    assert batch is not None
    assert (batch.state, batch.attempt, batch.losses, batch.failures) == (
        BatchState.RUNNING, 2, 1, {},
    )  # fmt: skip


def test_failures_are_kept_by_script(database: Database, images: MakeImages) -> None:
    """Reasons recorded on the way and at the end stand together, whatever their text."""
    fill(database, images(1))
    odd = 'no "Thon rings"\nin \udcff.mrc'
    with database.transaction() as t:
        queue.claim(t, "local-1", 2.0)
        assert queue.record_failure(t, 1, 1, "fit_ctf", odd)
        assert queue.finish(t, 1, 1, BatchState.FAILED, {"unpack": "empty"}, 9.0)
        batch = queue.get_batch(t, 1)
    assert batch is not None
    assert batch.failures == {"fit_ctf": odd.replace("\udcff", "\\udcff"), "unpack": "empty"}
    assert (batch.state, batch.finished_at) == (BatchState.FAILED, 9.0)


def test_losses_count_deaths_on_the_same_script(database: Database, images: MakeImages) -> None:
    """A death with another script counts from one; giving back without a death counts nothing."""
    fill(database, images(1))
    counted = []
    with database.transaction() as t:
        for script, lost in (("unpack", True), ("unpack", True), ("unpack", False),
                             ("fit_ctf", True)):  # fmt: skip
            batch = queue.claim(t, "local-1", 2.0)
            assert batch is not None
            counted.append(queue.count_losses(t, 1, script))
            queue.give_back(t, 1, batch.attempt, lost=lost, now=3.0, script=script)
            given = queue.get_batch(t, 1)
            assert given is not None
            counted.append(given.losses)
    assert counted == [0, 1, 1, 2, 2, 2, 0, 1]


def test_a_batch_given_back_is_next(database: Database, images: MakeImages) -> None:
    """It waits on top, before all that waited meanwhile."""
    first, *rest = fill(database, images(3))
    with database.transaction() as t:
        queue.claim(t, "local-1", 2.0)
        queue.give_back(t, first, 1, lost=False, now=3.0)
    assert waiting(database) == [first, *rest]


def test_after_a_restart_running_batches_wait_in_their_order(
    database: Database, images: MakeImages
) -> None:
    """All that ran waits again on top, as it stood before; a cancelled one ends."""
    ids = fill(database, images(5))
    with database.transaction() as t:
        for _ in range(3):
            queue.claim(t, "local-1", 2.0)
        queue.request_cancel(t, [ids[1]], 3.0)
        given = queue.give_back_all(t, 4.0)
    assert [batch.id for batch in given] == list(ids[:3])
    assert waiting(database) == [ids[0], *ids[2:]]


def test_cancelling_asks_what_runs_and_ends_what_waits(
    database: Database, images: MakeImages
) -> None:
    """Each given id is in exactly one part of the answer."""
    ids = fill(database, images(3))
    with database.transaction() as t:
        queue.claim(t, "local-1", 2.0)
        answer = queue.request_cancel(t, [*ids[:2], 99], 3.0)
        asked = queue.get_batch(t, ids[0])
    assert (answer.cancelled, answer.asked, answer.not_there) == ((ids[1],), (ids[0],), (99,))
    assert asked is not None
    assert asked.cancel
    assert waiting(database) == [ids[2]]


def test_removing_lets_running_batches_go_on(database: Database, images: MakeImages) -> None:
    """What runs is reported as not waiting, and not touched."""
    ids = fill(database, images(2))
    with database.transaction() as t:
        queue.claim(t, "local-1", 2.0)
        answer = queue.remove(t, ids, 3.0)
        assert (answer.cancelled, answer.not_there) == ((ids[1],), (ids[0],))
        assert [batch.cancel for batch in queue.running(t)] == [False]


def test_clearing_cancels_all_that_waits(database: Database, images: MakeImages) -> None:
    """Nothing waits, what runs goes on, and the number is told."""
    fill(database, images(4))
    with database.transaction() as t:
        queue.claim(t, "local-1", 2.0)
        assert queue.clear(t, 3.0) == 3
        counts = queue.counts(t)
    assert {state: n for state, n in counts.items() if n} == {
        BatchState.RUNNING: 1, BatchState.CANCELLED: 3,
    }  # fmt: skip


def test_retrying_submits_failed_batches_anew(database: Database, images: MakeImages) -> None:
    """The new batch asks for the same; the old one stays as it ended; others are refused."""
    ids = fill(database, images(3))
    with database.transaction() as t:
        queue.claim(t, "local-1", 2.0)
        queue.finish(t, ids[0], 1, BatchState.FAILED, {"fit_ctf": "bad"}, 3.0)
        queue.remove(t, [ids[1]], 3.0)
    retried = queue.retry_all(database, [ids[1], ids[0], ids[2], 99], top=True, now=4.0)
    with database.reading() as r:
        again = [queue.get_batch(r, one) for one in retried.submitted.ids]
        old = queue.batches_of(r, 1)
    assert [batch.image_id for batch in again if batch] == [2, 1]
    assert retried.refused == (ids[2], 99)
    assert [batch.state for batch in old] == [BatchState.FAILED, BatchState.WAITING]
    assert waiting(database) == [*retried.submitted.ids, ids[2]]


def test_retrying_all_leaves_out_what_was_retried(database: Database, images: MakeImages) -> None:
    """A failed batch that has been submitted again is not tried a third time."""
    ids = fill(database, images(2))
    with database.transaction() as t:
        for one in ids:
            queue.claim(t, "local-1", 2.0)
            queue.finish(t, one, 1, BatchState.FAILED, {}, 3.0)
    assert len(queue.retry_all(database, [ids[0]], top=False, now=4.0).submitted.ids) == 1
    retried = queue.retry_all(database, None, top=False, now=5.0)
    with database.reading() as r:
        batches = [queue.get_batch(r, one) for one in retried.submitted.ids]
    assert [batch.image_id for batch in batches if batch] == [2]


def fail_all(database: Database, images: list[int]) -> tuple[int, ...]:
    """Submit a batch for each image and let all of them fail."""
    ids = fill(database, images)
    with database.transaction() as t:
        t.execute("UPDATE batch SET state = 'failed', finished_at = 3.0, failures = '{}'")
    return ids


def test_others_write_while_many_batches_are_retried(
    database: Database, images: MakeImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No transaction adds more than a short one can, and the order is kept all the same."""
    ids = fail_all(database, images(2500))
    seen: list[int] = []

    def look(_: float) -> None:
        with database.transaction() as t:  # would wait for the retry's own, if that were open
            seen.append(queue.counts(t)[BatchState.WAITING])

    monkeypatch.setattr("cryobatch.store.queue.submission.time.sleep", look)
    retried = queue.retry_all(database, ids[::-1], top=True, now=4.0)
    assert seen == [1000, 2000]
    with database.reading() as r:
        rows = queue.listing(r, states=(BatchState.WAITING,))
    assert [row.batch.image_id for row in rows] == list(range(2500, 0, -1))
    assert [row.batch.id for row in rows] == list(retried.submitted.ids)


@pytest.mark.parametrize("by_ids", [False, True])
def test_what_another_has_retried_meanwhile_is_not_doubled(
    database: Database, images: MakeImages, monkeypatch: pytest.MonkeyPatch, by_ids: bool
) -> None:
    """Neither what waits again by then, nor what runs or has ended again."""
    ids = fail_all(database, images(1500))

    def step_in(_: float) -> None:
        with database.transaction() as t:
            again = queue.submit(t, [Submission(1200, FIT), Submission(1300, FIT)], top=True, now=4)
            batch = queue.claim(t, "local-1", 5.0)
            assert batch is not None
            assert batch.id == again.ids[0]
            queue.finish(t, batch.id, batch.attempt, BatchState.DONE, {}, 6.0)

    monkeypatch.setattr("cryobatch.store.queue.submission.time.sleep", step_in)
    done = queue.retry_all(database, ids if by_ids else None, top=False, now=4.0).submitted
    assert len(done.ids) == 1498
    with database.reading() as r:
        assert len(queue.batches_of(r, 1200)) == len(queue.batches_of(r, 1300)) == 2
    assert len(done.duplicates) == 2


def test_what_was_retried_before_it_was_chosen_is_retried_by_its_number(
    database: Database, images: MakeImages
) -> None:
    """A person who names a batch means it, unless somebody was quicker since they chose."""
    (failed,) = fail_all(database, images(1))
    with database.reading() as r:
        chosen = queue.latest(r)
    with database.transaction() as t:
        queue.submit(t, [Submission(1, FIT)], top=False, now=4.0)
        batch = queue.claim(t, "local-1", 5.0)
        assert batch is not None
        queue.finish(t, batch.id, batch.attempt, BatchState.DONE, {}, 6.0)
    late = queue.retry_all(database, [failed], top=False, now=7.0, since=chosen)
    assert late.submitted == Submitted((), (batch.id,))
    assert len(queue.retry_all(database, [failed], top=False, now=7.0).submitted.ids) == 1


def test_pages_of_the_listing_join_to_the_whole(database: Database, images: MakeImages) -> None:
    """Running first, then waiting in order, then ended, newest first, in pages of any size."""
    ids = fill(database, images(7))
    with database.transaction() as t:
        for _ in range(4):
            queue.claim(t, "local-1", 2.0)
        queue.finish(t, ids[1], 1, BatchState.DONE, {}, 3.0)
        queue.finish(t, ids[0], 1, BatchState.DONE, {}, 4.0)
        queue.clear(t, 5.0)
    queue.retry_all(database, ids[5:], top=False, now=6.0)
    with database.reading() as t:
        states = tuple(BatchState)
        whole = [row.batch.id for row in queue.listing(t, states=states)]
        pages = [
            row.batch.id
            for start in range(0, 10, 2)
            for row in queue.listing(t, states=states, limit=2, offset=start)
        ]
        fresh = queue.listing(t, states=states, finished_after=4.0)
    assert whole == [3, 4, 8, 9, 7, 6, 5, 1, 2]
    assert pages == whole
    assert [row.batch.id for row in fresh] == [3, 4, 8, 9, 7, 6, 5]
