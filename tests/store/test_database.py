"""The database file keeps what was committed, and only that."""

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from cryobatch.errors import ConflictError, ProjectError
from cryobatch.store.database import Database
from cryobatch.store.migrations import MIGRATIONS
from cryobatch.store.settings import delete_setting, get_setting, put_setting


def test_committed_settings_are_there_after_opening_again(database: Database) -> None:
    """What a transaction wrote is read by the next one who opens the file."""
    with database.transaction() as t:
        put_setting(t, "processors", 3)
        put_setting(t, "gone", [1])
        delete_setting(t, "gone")
    with Database(database.path) as again, again.reading() as r:
        assert get_setting(r, "processors") == 3
        assert get_setting(r, "gone", "default") == "default"


def test_an_exception_leaves_nothing_behind(database: Database) -> None:
    """A transaction that an exception leaves has changed nothing."""
    with suppress(KeyError), database.transaction() as t:
        put_setting(t, "processors", 3)
        raise KeyError("stop")
    with database.reading() as r:
        assert get_setting(r, "processors") is None


def test_a_reading_cannot_write(database: Database) -> None:
    """What is given for reading refuses to change anything."""
    with pytest.raises((ProjectError, sqlite3.OperationalError)), database.reading() as r:
        r.execute("INSERT INTO setting VALUES ('a', '1')")


def test_a_reading_is_one_snapshot(database: Database) -> None:
    """A reading does not see what is written while it lasts."""
    with database.reading() as r:
        assert get_setting(r, "name") is None
        with database.transaction() as t:
            put_setting(t, "name", 1)
        assert get_setting(r, "name") is None
    with database.reading() as r:
        assert get_setting(r, "name") == 1


def test_a_transaction_has_one_owner(database: Database) -> None:
    """Opening a transaction inside another one is a mistake that is told at once."""
    with database.transaction(), pytest.raises(RuntimeError), database.transaction():
        pass


def test_threads_write_one_after_another(database: Database) -> None:
    """Threads of one process add to the same number without losing any."""

    def add() -> None:
        for _ in range(20):
            with database.transaction() as t:
                put_setting(t, "sum", get_setting(t, "sum", 0) + 1)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as r:
        assert get_setting(r, "sum") == 80


def test_waiting_for_another_writer_ends_with_a_conflict(database: Database) -> None:
    """Who cannot write because another process does is told to repeat."""
    with Database(database.path, wait_s=0.02) as impatient, database.transaction():  # noqa: SIM117
        with pytest.raises(ConflictError, match="repeat"), impatient.transaction():
            pass


def test_only_others_writes_change_the_data_version(database: Database) -> None:
    """The version tells a process that somebody else has written."""
    before = database.data_version()
    with database.transaction() as t:
        put_setting(t, "name", 1)
    assert database.data_version() == before
    with Database(database.path) as other, other.transaction() as t:
        put_setting(t, "name", 2)
    assert database.data_version() != before


def test_a_database_is_made_once(database: Database) -> None:
    """Making a database where one is does not touch it."""
    with pytest.raises(ProjectError, match="there already"):
        Database.create(database.path)


def test_a_missing_file_is_no_project(tmp_path: Path) -> None:
    """Opening does not make a file by the way."""
    with pytest.raises(ProjectError, match="no database"):
        Database(tmp_path / "library.db")
    assert not list(tmp_path.iterdir())


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    """A creation that was killed before the first table is made up for."""
    path = tmp_path / "library.db"
    path.touch()
    with Database(path) as database, database.reading() as r:
        assert get_setting(r, "paused") is None


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """A database of somebody else is not changed."""
    path = tmp_path / "library.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (a)")
    connection.commit()
    with pytest.raises(ProjectError, match="another program"):
        Database(path)
    assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (1,)
    connection.close()


def test_a_newer_database_is_left_alone(database: Database) -> None:
    """Tables of a newer cryobatch are not guessed at."""
    with database.transaction() as t:
        t.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(ProjectError, match="newer cryobatch"):
        Database(database.path)


def test_a_damaged_file_is_told_with_the_way_out(tmp_path: Path) -> None:
    """Bytes that are no database are named, with what to do."""
    path = tmp_path / "library.db"
    path.write_bytes(b"no database at all " * 500)
    with pytest.raises(ProjectError, match="doctor --rebuild"):
        Database(path)


def test_every_commit_is_flushed_to_the_disk(database: Database) -> None:
    """Writes survive a power cut: WAL with synchronous=FULL, and foreign keys hold."""
    with database.transaction() as t:
        pragmas = {
            name: t.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_what_an_earlier_file_left_is_not_taken_up(database: Database, tmp_path: Path) -> None:
    """A database made where a damaged one was moved away starts empty."""
    with database.transaction() as t:
        put_setting(t, "name", "old")
    left = tmp_path / "library.db-wal"
    assert left.stat().st_size > 0
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "library.db-wal").write_bytes(left.read_bytes())
    with Database.create(tmp_path / "new" / "library.db") as made, made.reading() as r:
        assert get_setting(r, "name") is None


def test_damage_is_found(database: Database, tmp_path: Path) -> None:
    """A sound file has none; one with overwritten pages is told of."""
    assert database.find_damage() == []
    with database.transaction() as t:
        t.executemany("INSERT INTO setting VALUES (?, ?)", ((str(n), "1" * 500) for n in range(99)))
    database.close()
    content = bytearray(database.path.read_bytes())
    content[-20_000:-16_000] = b"\xff" * 4000
    database.path.write_bytes(content)
    with suppress(ProjectError), Database(database.path) as damaged:
        assert damaged.find_damage()


def test_a_full_disk_costs_the_transaction_only(database: Database) -> None:
    """What does not fit is told and leaves nothing; when there is room again, writing goes on."""
    with database.transaction() as t:
        put_setting(t, "name", "before")
        pages = t.execute("PRAGMA page_count").fetchone()[0]
        t.execute(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(ProjectError, match="make room"), database.transaction() as t:
        put_setting(t, "large", "x" * 1_000_000)
    with database.transaction() as t:
        assert get_setting(t, "large") is None
        t.execute("PRAGMA max_page_count = 1000000")
        put_setting(t, "large", "y" * 1_000_000)
    with database.reading() as r:
        assert get_setting(r, "name") == "before"
        assert len(get_setting(r, "large")) == 1_000_000
