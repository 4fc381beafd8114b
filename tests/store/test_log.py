"""The log keeps every row, and shows them in any order, page by page."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryobatch.errors import UnknownNameError
from cryobatch.model.event import Level, LogEntry
from cryobatch.store import library, log
from cryobatch.store.database import Database
from tests.store.store_images import MakeImages

SORTS = ("time", "id", "level", "processor", "image", "batch", "script")

ENTRIES = st.lists(
    st.builds(
        LogEntry,
        time=st.sampled_from([1.0, 2.0, 3.5]),
        text=st.text(max_size=5),
        level=st.sampled_from(Level),
        processor=st.sampled_from([None, "local-1", "local-2"]),
        image_id=st.sampled_from([None, 1, 2, 77]),
        batch=st.sampled_from([None, 1, 2]),
        script=st.sampled_from([None, "unpack", "fit_ctf"]),
    ),
    max_size=12,
)


def test_a_row_is_read_as_it_was_written(database: Database, images: MakeImages) -> None:
    """All fields come back, with the image's name, which outlives the image."""
    images(1)
    written = LogEntry(5.5, "odd \udcff", Level.ERROR, "local-1", 1, 7, "unpack")
    with database.transaction() as t:
        log.append(t, [written, LogEntry(6.0, "started")])
        library.delete(t, [1])
        second, first = log.page(t)
        assert log.last_id(t) == 2
    assert first == log.LogRow(
        1, 5.5, Level.ERROR, "odd \\udcff", "local-1", 1, "image_1", 7, "unpack"
    )
    assert second == log.LogRow(2, 6.0, Level.INFO, "started", None, None, None, None, None)


@settings(max_examples=40)
@given(entries=ENTRIES, sort=st.sampled_from(SORTS), descending=st.booleans(),
       size=st.integers(1, 5))  # fmt: skip
def test_pages_join_to_the_whole(
    entries: list[LogEntry],
    sort: str,
    descending: bool,
    size: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Each row is on one page, and the pages are in the order asked for."""
    with Database.create(tmp_path_factory.mktemp("log") / "library.db") as database:
        with database.transaction() as t:
            log.append(t, entries)
        found: list[log.LogRow] = []
        after: log.PageKey | None = None
        while len(found) <= len(entries):
            with database.reading() as r:
                page = log.page(r, sort=sort, descending=descending, limit=size, after=after)
            if not page:
                break
            found += page
            after = log.page_key(page[-1], sort)
    keys = [log.page_key(row, sort) for row in found]
    assert keys == sorted(keys, reverse=descending)
    assert sorted(row.id for row in found) == list(range(1, len(entries) + 1))


def test_levels_are_sorted_by_how_much_they_matter(database: Database) -> None:
    """Errors come before warnings, warnings before the rest."""
    with database.transaction() as t:
        log.append(t, [LogEntry(1.0, "", level) for level in Level])
        rows = log.page(t, sort="level")
    assert [row.level for row in rows] == [Level.ERROR, Level.WARNING, Level.INFO]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (log.LogFilter(levels=(Level.ERROR, Level.WARNING)), [3, 2]),
        (log.LogFilter(processor="local-1"), [2, 1]),
        (log.LogFilter(image="image_2"), [3]),
        (log.LogFilter(image_id=1), [1]),
        (log.LogFilter(batch=2), [3]),
        (log.LogFilter(script="unpack"), [2]),
        (log.LogFilter(since=2.0, until=2.5), [2]),
        (log.LogFilter(text="FOUND"), [3]),
        (log.LogFilter(text="100%"), []),
        (log.LogFilter(processor="local-1", script="unpack"), [2]),
    ],
)
def test_filters(
    database: Database, images: MakeImages, only: log.LogFilter, expected: list[int]
) -> None:
    """Each filter leaves the rows that it names; several narrow it down."""
    images(2)
    with database.transaction() as t:
        log.append(t, [
            LogEntry(1.0, "begun", Level.INFO, "local-1", image_id=1),
            LogEntry(2.0, "odd", Level.WARNING, "local-1", script="unpack"),
            LogEntry(3.0, "Not found", Level.ERROR, image_id=2, batch=2),
        ])  # fmt: skip
        assert [row.id for row in log.page(t, only=only)] == expected


def test_following_gives_what_was_added_since(database: Database) -> None:
    """Each row comes once, oldest first, in portions."""
    with database.transaction() as t:
        log.append(t, [LogEntry(float(-n), str(n), batch=n % 2 + 1) for n in range(5)])
        assert [row.id for row in log.since(t, 2)] == [3, 4, 5]
        assert [row.id for row in log.since(t, 0, limit=2)] == [1, 2]
        assert [row.id for row in log.since(t, 0, only=log.LogFilter(batch=2))] == [2, 4]


def test_the_text_cannot_be_sorted_by(database: Database) -> None:
    """An unknown column, or the text, is refused with those that can be."""
    with database.reading() as r, pytest.raises(UnknownNameError, match="processor"):
        log.page(r, sort="text")


def test_recovery_sees_what_was_logged(database: Database) -> None:
    """A batch's script has a row by the beginning of its text."""
    with database.transaction() as t:
        log.append(t, [LogEntry(1.0, "done in 3 s", batch=4, script="unpack")])
        assert log.has_entry(t, 4, "unpack", "done")
        assert not log.has_entry(t, 4, "fit_ctf", "done")
        assert not log.has_entry(t, 5, "unpack", "done")
        assert not log.has_entry(t, 4, "unpack", "failed")
