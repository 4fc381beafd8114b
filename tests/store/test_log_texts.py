"""A text is found in the log at once, by an index beside the database."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryobatch.model.event import LogEntry
from cryobatch.store import log, log_texts
from cryobatch.store.database import Database
from cryobatch.store.log_texts import LogTexts
from tests.daemon.running import wait_for

WORDS = st.text(st.sampled_from("aAbB\"'%_ é\U0001f52cİK"), min_size=0, max_size=9)


@pytest.fixture
def texts(database: Database, tmp_path: Path) -> Iterator[LogTexts]:
    """Return an index that nobody has asked yet."""
    index = LogTexts(database, tmp_path / "texts.db")
    yield index
    index.close()


def write(database: Database, *lines: str) -> None:
    """Add rows."""
    with database.transaction() as t:
        log.append(t, [LogEntry(1.0, line) for line in lines])


def find(database: Database, texts: LogTexts, wanted: str) -> list[str]:
    """Return the rows with a text, as the log finds them with the help of the index."""
    only = log.LogFilter(text=wanted, ids=texts.find(wanted))
    with database.reading() as r:
        assert log.count(r, only=only) == len(log.page(r, only=only, limit=1000))
        return [row.text for row in log.since(r, 0, only=only)]


def test_what_was_written_since_is_found_too(database: Database, texts: LogTexts) -> None:
    """The index is caught up with the log when somebody looks."""
    write(database, "no Thon rings", "up to date", "up to date")
    assert find(database, texts, "thon") == ["no Thon rings"]
    write(database, "no THON rings again")
    assert find(database, texts, "thon rings") == ["no Thon rings", "no THON rings again"]
    assert texts.find("no such words") == ()
    assert texts.find("up to date") == (2, 3)


@settings(max_examples=60)
@given(lines=st.lists(WORDS, max_size=8), wanted=WORDS)
def test_the_index_finds_what_reading_every_row_finds(
    lines: list[str], wanted: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the letters: quotation marks, wildcards, capitals, letters of other alphabets."""
    folder = tmp_path_factory.mktemp("log")
    with Database.create(folder / "library.db") as database:
        index = LogTexts(database, folder / "texts.db")
        write(database, *lines)
        with database.reading() as r:
            plain = [row.text for row in log.since(r, 0, only=log.LogFilter(text=wanted))]
        assert find(database, index, wanted) == plain
        index.close()


def test_a_long_log_is_caught_up_with_aside(
    database: Database, texts: LogTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks first waits for no more than a part; the log itself is read until then."""
    monkeypatch.setattr(log_texts, "CHUNK", 10)
    write(database, *(f"row {number}" for number in range(55)))
    assert texts.find("row 54") is None
    texts.catch_up()
    assert texts.find("row 54") == (55,)


def test_common_and_short_texts_are_left_to_the_log(
    database: Database, texts: LogTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many rows the first are found soon without an index."""
    monkeypatch.setattr(log_texts, "MOST", 3)
    write(database, *["the same"] * 4, "another")
    assert texts.find("the same") is None
    assert texts.find("th") is None
    assert texts.find("anoth") == (5,)


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 500])
def test_a_damaged_index_is_made_anew(database: Database, tmp_path: Path, damage: bytes) -> None:
    """The log is searched without it meanwhile."""
    path = tmp_path / "texts.db"
    path.write_bytes(damage)
    write(database, "no Thon rings")
    texts = LogTexts(database, path)
    first = texts.find("thon")
    assert first in {None, (1,)}
    assert texts.find("thon") == (1,)
    texts.close()


def test_an_index_of_another_log_is_forgotten(database: Database, tmp_path: Path) -> None:
    """A database that was built anew counts its rows from the beginning."""
    path = tmp_path / "texts.db"
    other = Database.create(tmp_path / "other.db")
    write(other, "an earlier life", "an earlier life")
    index = LogTexts(other, path)
    assert index.find("earlier") == (1, 2)
    index.close()
    other.close()
    write(database, "a new one")
    texts = LogTexts(database, path)
    assert texts.find("earlier") == ()
    assert texts.find("new one") == (1,)
    texts.close()


def test_each_text_is_indexed_once(database: Database, texts: LogTexts, tmp_path: Path) -> None:
    """Rows that say the same cost a pair of numbers each."""
    write(database, *["up to date"] * 50)
    assert texts.find("up to date") is not None
    with sqlite3.connect(tmp_path / "texts.db") as file:
        assert file.execute("SELECT count(*) FROM said").fetchone()[0] == 1
        assert file.execute("SELECT count(*) FROM place").fetchone()[0] == 50


def test_all_is_taken_in_before_anybody_looks(
    database: Database, texts: LogTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While pages are served a log of a million rows is not read when a text is looked for."""
    monkeypatch.setattr(log_texts, "CHUNK", 2)
    write(database, *[f"row {number}" for number in range(9)])
    texts.keep_up()
    wait_for(lambda: texts.find("row 7") == (8,), "the end of the rows")
    texts.close()
    texts.keep_up()
    assert texts.find("row 7") is None, "nothing begins after the end"
