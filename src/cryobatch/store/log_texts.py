"""Where a text stands in the log: an index beside the database, which finds a rare one at once.

It is a file of its own, caught up with the log while pages are served and when a text is looked
for; it may be removed at any time. Texts of a log repeat: each is indexed once, by its groups of
three letters (FTS5's trigrams), and every row is one pair of numbers.
"""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryobatch.store.database import Database

CHUNK = 20_000
"""Rows that are caught up with while somebody waits: about a tenth of a second."""
EVERY_S = 600.0
MOST = 50_000
"""Of more rows than these a page is found soon by going through the log."""
LETTERS = 3
_MOST_GROUPS = 30
_TABLES = (
    "CREATE TABLE IF NOT EXISTS state (born REAL NOT NULL, last INTEGER NOT NULL, "
    "texts INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS said (digest INTEGER PRIMARY KEY, number INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS place (number INTEGER NOT NULL, log INTEGER NOT NULL, "
    "PRIMARY KEY (number, log)) WITHOUT ROWID",
    "CREATE VIRTUAL TABLE IF NOT EXISTS letters USING "
    "fts5(text, content='', detail=none, tokenize='trigram')",
)


class LogTexts:
    """Finds the rows of the log that hold a text.

    Args:
        database: The project's database.
        path: The index's own file.
    """

    def __init__(self, database: Database, path: Path) -> None:
        """Take note of the places; the file is made when a text is looked for."""
        self._database = database
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._worker: threading.Thread | None = None
        self._wake = threading.Event()
        self._closed = False

    def find(self, text: str) -> tuple[int, ...] | None:
        """Return the ids of all rows that may hold a text, in lower or upper case.

        Some may not hold it as a whole; whoever reads them sees. None: the index cannot tell, for
        it is still catching up (in a thread of its own), or the text is too short or too common.
        """
        wanted = group_letters(text)
        if not wanted:
            return None
        try:
            with self._lock:
                if self._catch_up_some():
                    return self._look_up(wanted)
        except sqlite3.Error:
            self._begin_anew()
            return None
        self.keep_up()
        return None

    def keep_up(self) -> None:
        """Take in all of the log now, and every ten minutes, in a thread of its own."""
        self._wake.set()
        with self._lock:
            busy = self._worker is not None and self._worker.is_alive()
            if busy or self._closed:
                return
            self._worker = threading.Thread(target=self._work, name="log texts", daemon=True)
            self._worker.start()

    def catch_up(self) -> None:
        """Take in all of the log; five seconds for a million rows."""
        done = False
        while not (done or self._closed):
            with self._lock:
                done = self._catch_up_some()

    def close(self) -> None:
        """Stop catching up, and close the file."""
        self._closed = True
        self._wake.set()
        if self._worker is not None:
            self._worker.join()
        with self._lock:
            self._disconnect()

    def _work(self) -> None:
        try:
            while not self._closed:
                self._wake.clear()
                self.catch_up()
                self._wake.wait(EVERY_S)
        except sqlite3.Error:
            self._begin_anew()  # such as a disk that is full: the log itself can still be searched

    def _catch_up_some(self) -> bool:
        """Take in some rows; returns whether these were the last ones."""
        if self._closed:
            return False
        index = self._open()
        last = int(index.execute("SELECT last FROM state").fetchone()[0])
        with self._database.reading() as r:
            rows = r.execute(
                "SELECT id, text FROM log WHERE id > ? ORDER BY id LIMIT ?", (last, CHUNK)
            ).fetchall()
        if rows:
            _take_in(index, rows, last)
        return len(rows) < CHUNK

    def _look_up(self, wanted: Sequence[str]) -> tuple[int, ...] | None:
        # Of three letters each, so that no quotation mark is left open by a text that has one.
        query = " AND ".join('"' + group.replace('"', '""') + '"' for group in wanted)
        rows = self._open().execute(
            "SELECT place.log FROM letters CROSS JOIN place ON place.number = letters.rowid "
            "WHERE letters MATCH ? LIMIT ?",
            (query, MOST + 1),
        )
        found = tuple(row[0] for row in rows)
        return None if len(found) > MOST else found

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _connect(self._path)
            with self._database.reading() as r:
                born, last = r.execute(
                    "SELECT (SELECT applied_at FROM migration WHERE version = 1), "
                    "(SELECT ifnull(max(id), 0) FROM log)"
                ).fetchone()
            _adopt(self._connection, float(born), int(last))
        return self._connection

    def _begin_anew(self) -> None:
        with self._lock:
            self._disconnect()
            for ending in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def group_letters(text: str) -> list[str]:
    """Return the groups of three letters by which a text is looked for.

    Only those whose lower and upper case nobody disputes; none, and the index cannot help.

    >>> group_letters("Ice")
    ['Ice']
    """
    groups = (text[start : start + LETTERS] for start in range(len(text) - LETTERS + 1))
    plain = (group for group in groups if group.isascii() and "\0" not in group)
    return list(dict.fromkeys(plain))[:_MOST_GROUPS]


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # what a power loss takes is found again
    return connection


def _adopt(index: sqlite3.Connection, born: float, last: int) -> None:
    """Make the tables; what was found in another database's log, or a longer one, is forgotten."""
    with _transaction(index):
        for statement in _TABLES:
            index.execute(statement)
        row = index.execute("SELECT born, last FROM state").fetchone()
        if row is not None and row[0] == born and row[1] <= last:
            return
        index.execute("INSERT INTO letters (letters) VALUES ('delete-all')")
        for table in ("said", "place", "state"):
            index.execute(f"DELETE FROM {table}")  # noqa: S608 - words of ours
        index.execute("INSERT INTO state VALUES (?, 0, 0)", (born,))


def _take_in(index: sqlite3.Connection, rows: Sequence[sqlite3.Row], last: int) -> None:
    digests = {text: _digest(text) for text in {row[1] for row in rows}}
    with _transaction(index):
        taken, texts = index.execute("SELECT last, texts FROM state").fetchone()
        if taken != last:
            return  # another process has come first
        known = dict(index.execute(
            "SELECT digest, number FROM said WHERE digest IN (SELECT value FROM json_each(?))",
            (json.dumps(list(digests.values())),),
        ).fetchall())  # fmt: skip
        fresh = [text for text, digest in digests.items() if digest not in known]
        numbered = list(enumerate(fresh, texts + 1))
        index.executemany("INSERT INTO letters (rowid, text) VALUES (?, ?)", numbered)
        added = {digests[text]: number for number, text in numbered}
        index.executemany("INSERT INTO said VALUES (?, ?)", added.items())
        known |= added
        places = ((known[digests[row[1]]], row[0]) for row in rows)
        index.executemany("INSERT INTO place VALUES (?, ?)", places)
        state = (rows[-1][0], texts + len(numbered))
        index.execute("UPDATE state SET last = ?, texts = ?", state)


def _digest(text: str) -> int:
    """Return a number of eight bytes that stands for a text."""
    found = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(found, "big", signed=True)


@contextmanager
def _transaction(index: sqlite3.Connection) -> Iterator[None]:
    index.execute("BEGIN IMMEDIATE")
    try:
        yield
        index.execute("COMMIT")
    except BaseException:
        if index.in_transaction:
            index.execute("ROLLBACK")
        raise
