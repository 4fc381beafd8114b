"""The database remembers watched folders and what became of their files."""

import os

import pytest

from cryobatch.errors import ConflictError
from cryobatch.model import BatchState
from cryobatch.store import queue, watching
from cryobatch.store.database import Database
from cryobatch.store.queue import Submission
from cryobatch.store.watching import FileRow, FileState
from tests.store.store_images import MakeImages
from tests.store.test_queue_plans import plans_of


def add(database: Database, folder: str = "/data") -> int:
    """Watch a folder."""
    with database.transaction() as t:
        return watching.add_watch(t, folder, {"take": "link"}, active=True, now=1.0)


def test_orders_are_replaced_and_the_number_stays(database: Database) -> None:
    """One row a folder; who gives new orders does not stop it."""
    first = add(database)
    with database.transaction() as t:
        again = watching.add_watch(t, "/data", {"take": "copy"}, active=False, now=2.0)
        watching.want_scan(t, first)
        watching.set_status(t, first, {"state": "watching"})
    assert again == first
    with database.reading() as r:
        (row,) = watching.watches(r)
    assert (row.orders, row.active, row.scans) == ({"take": "copy"}, True, 1)
    assert row.status == {"state": "watching"}


def test_any_name_is_kept_as_it_is(database: Database) -> None:
    """Bytes that are no text, line breaks and quotes; and the largest numbers."""
    number = add(database)
    names = [os.fsdecode(b"a/\xff\xfe.mrc"), "line\nbreak.mrc", "quote'\".mrc"]
    look = ((1 << 63) - 1, (1 << 63) - 1, (1 << 63) - 1)
    rows = [FileRow(name, look, FileState.FAILED, 1.0, "no \udcff text") for name in names]
    with database.transaction() as t:
        watching.put_files(t, number, rows)
        assert {
            path: (look, state) for path, look, state in watching.looks(t, number)
        } == dict.fromkeys(names, (look, FileState.FAILED))
        assert set(watching.find_files(t, number, [*names, "other"])) == set(names)


def test_files_are_counted_listed_and_forgotten_by_what_became_of_them(database: Database) -> None:
    """What is an image is remembered also when others are forgotten."""
    number = add(database)
    states = [FileState.IMPORTED, FileState.IMPORTED, FileState.INCOMPLETE, FileState.FAILED]
    rows = [FileRow(f"{n}.mrc", (n, n, n), s, float(n), f"why {n}") for n, s in enumerate(states)]
    with database.transaction() as t:
        watching.put_files(t, number, rows)
        assert watching.count_files(t, number)[FileState.IMPORTED] == 2
        assert watching.count_imported(t, number, 0.5) == 1
        listed = watching.files(t, number, [FileState.INCOMPLETE, FileState.FAILED])
        assert [row.reason for row in listed] == ["why 2", "why 3"]
        assert len(watching.files(t, number, list(FileState), limit=1)) == 1
        watching.forget_unimported(t, number, [row.path for row in rows])
        assert watching.count_files(t, number) == {
            FileState.IMPORTED: 2, FileState.INCOMPLETE: 0,
            FileState.FAILED: 0, FileState.REWRITTEN: 0,
        }  # fmt: skip


def test_delays_are_measured_from_the_last_byte(database: Database, images: MakeImages) -> None:
    """To the queue and to the first result; files that were there before us tell nothing."""
    number = add(database)
    first, second = images(2)
    rows = [
        FileRow("a", (1, 1, 1), FileState.IMPORTED, 12.0, "", "x", first, written_at=10.0),
        FileRow("b", (1, 1, 1), FileState.IMPORTED, 24.0, "", "y", second, written_at=20.0),
        FileRow("c", (1, 1, 1), FileState.IMPORTED, 99.0, "", "z", None),
    ]
    with database.transaction() as t:
        watching.put_files(t, number, rows)
        done = queue.submit(t, [Submission(first, ("a",))], top=False, now=12.0)
        batch = queue.claim(t, "local-1", 13.0)
        assert batch is not None
        queue.finish(t, done.ids[0], batch.attempt, BatchState.DONE, {}, 45.0)
        delays = watching.measure_delays(t, number)
    assert (delays.to_batch, delays.to_batch_slow, delays.to_result) == (3.0, 4.0, 35.0)


def test_a_removed_folder_takes_its_files_along(database: Database) -> None:
    """And what is noted of it afterwards is refused."""
    number = add(database)
    row = FileRow("a", (1, 1, 1), FileState.IMPORTED, 1.0)
    with database.transaction() as t:
        watching.put_files(t, number, [row])
        watching.remove_watch(t, number)
        assert watching.watches(t) == []
        assert list(watching.looks(t, number)) == []
    with pytest.raises(ConflictError, match="watched no more"), database.transaction() as t:
        watching.put_files(t, number, [row])


def test_what_is_asked_often_is_answered_from_an_index(database: Database) -> None:
    """However many files were taken."""
    number = add(database)
    for plan in plans_of(database, lambda t: watching.measure_delays(t, number)):
        assert not plan.startswith("SCAN watched_file"), plan
    for plan in plans_of(database, lambda t: watching.count_imported(t, number, 1.0)):
        assert "INDEX" in plan, plan
