"""One project's database file: open it, write in transactions, read in short snapshots."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NewType

from cryobatch.errors import ConflictError, CryobatchError, ProjectError
from cryobatch.store.migrations import APPLICATION_ID, migrate

Reading = NewType("Reading", sqlite3.Connection)
"""A consistent snapshot to read from; whoever asked for it ends it."""

Transaction = NewType("Transaction", Reading)
"""An open write transaction; whoever opened it ends it. Every function that reads takes it too."""

SQLITE_VERSION = sqlite3.sqlite_version
OLDEST_SQLITE = (3, 37, 0)  # STRICT tables; RETURNING and UPDATE FROM are older
_RETRY_S = 0.002  # SQLite's own wait grows to 0.1 s, in which a bulk writer comes back first
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_REBUILD = (
    "move it away, then 'cryobatch doctor --rebuild' builds the library again from the images' "
    "parameter files (queue and log begin anew)"
)
_UNUSABLE = {
    sqlite3.SQLITE_FULL: "the disk is full: make room and repeat",
    sqlite3.SQLITE_IOERR: "the disk does not answer as it should: look at its health and its room",
    sqlite3.SQLITE_READONLY: "it may not be written: look at its owner and permissions",
    sqlite3.SQLITE_PERM: "it may not be opened: look at its owner and permissions",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: see that its folder is there and may be written",
    sqlite3.SQLITE_CORRUPT: f"it is damaged: {_REBUILD}",
    sqlite3.SQLITE_NOTADB: f"it is no database: {_REBUILD}",
}


class Database:
    """The database file of one project, for all threads of one process.

    There is one connection that writes, its transactions one after another, and as many that read
    as threads read at the same time.
    """

    def __init__(self, path: Path, *, wait_s: float = 30.0) -> None:
        """Open an existing file and bring its tables up to date.

        Args:
            path: The file, on a local disk.
            wait_s: How long a transaction waits for other processes' transactions.
        """
        _check_version(sqlite3.sqlite_version_info)
        self.path = path
        self._wait_s = wait_s
        self._writing = threading.RLock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        if not path.is_file():
            raise ProjectError(
                f"{path}: there is no database; 'cryobatch doctor --rebuild' makes one from the "
                "images' parameter files"
            )
        with self._explained():
            self._writer = self._connect()
            self._prepare_writer()

    @classmethod
    def create(cls, path: Path) -> "Database":
        """Make a new, empty database; a file that is there already is an error."""
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            raise ProjectError(f"{path} is there already: a project is made once") from None
        except OSError as error:
            raise ProjectError(f"{path} cannot be made: {error.strerror}") from error
        # What an earlier file of this name left behind would be taken for this one's newest pages.
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        return cls(path)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Write: everything inside takes effect together, or nothing when an exception leaves.

        Raises:
            ConflictError: Other processes wrote for longer than ``wait_s``.
            ProjectError: The file or its disk cannot be used.
        """
        with self._writing:
            if self._writer.in_transaction:
                raise RuntimeError("this thread has a transaction open already: it has one owner")
            with self._explained():
                self._begin()
                try:
                    yield Transaction(Reading(self._writer))
                    self._writer.execute("COMMIT")
                except BaseException:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Read one consistent snapshot; keep it short, the log of writes grows meanwhile."""
        with self._explained():
            connection = self._take_reader()
            try:
                connection.execute("BEGIN")
                yield Reading(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._return_reader(connection)

    def data_version(self) -> int:
        """Return a number that changes when another process has written."""
        with self._writing, self._explained():
            return int(self._writer.execute("PRAGMA data_version").fetchone()[0])

    def find_damage(self) -> list[str]:
        """Return what is wrong with the file itself, nothing when it is sound."""
        with self.reading() as r:
            found = [str(row[0]) for row in r.execute("PRAGMA quick_check(10)")]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        """Close all connections that nobody uses at the moment."""
        with self._writing:
            self._closed = True
            self._writer.close()
            while self._idle:
                self._idle.pop().close()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -32000")
        return connection

    def _prepare_writer(self) -> None:
        _check_owner(self._writer, self.path)
        self._writer.execute("PRAGMA journal_mode = WAL")
        self._writer.execute("PRAGMA journal_size_limit = 67108864")
        migrate(self._writer, self.path)
        self._writer.execute("PRAGMA busy_timeout = 0")  # _begin waits, in shorter steps

    def _begin(self) -> None:
        deadline = time.monotonic() + self._wait_s
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if _code(error) not in _BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_S)
            else:
                return

    def _take_reader(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
            # The system keeps the file's pages too; a web server has many readers.
            connection.execute("PRAGMA cache_size = -8000")
            return connection

    def _return_reader(self, connection: sqlite3.Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            known = _explain(error, self.path)
            if known is None:
                raise
            raise known from error


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _explain(error: sqlite3.Error, path: Path) -> CryobatchError | None:
    code = _code(error)
    if code in _BUSY:
        return ConflictError(f"{path}: other processes keep writing; repeat in a moment")
    reason = _UNUSABLE.get(code)
    return None if reason is None else ProjectError(f"{path}: {reason} ({error})")


def _check_version(version: tuple[int, int, int]) -> None:
    if version < OLDEST_SQLITE:
        found, needed = (".".join(map(str, item)) for item in (version, OLDEST_SQLITE))
        raise ProjectError(
            f"this Python brings SQLite {found}, cryobatch needs {needed}: use a newer Python"
        )


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if owner != APPLICATION_ID and tables:
        raise ProjectError(f"{path} is a database of another program")
