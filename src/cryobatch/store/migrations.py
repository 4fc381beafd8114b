"""The tables, step by step from the first version to the newest."""

import sqlite3
import time
from pathlib import Path

from cryobatch.errors import ProjectError

APPLICATION_ID = 0x43727962  # "Cryb": tells our files from other programs'

_FIRST = (
    "CREATE TABLE migration (version INTEGER PRIMARY KEY, applied_at REAL NOT NULL) STRICT",
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE reservation (name TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "INSERT INTO reservation VALUES ('image', 1)",
    # The library: an index of the images' parameter files, and rebuilt from them.
    """CREATE TABLE image (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        grp TEXT NOT NULL,
        root_product TEXT NOT NULL,
        source TEXT NOT NULL,
        source_id TEXT NOT NULL UNIQUE,
        frames INTEGER NOT NULL,
        recorded_at TEXT,
        imported_at TEXT NOT NULL,
        results TEXT NOT NULL,
        absences TEXT NOT NULL,
        flag TEXT,
        comment TEXT NOT NULL,
        trashed INTEGER NOT NULL,
        stale TEXT NOT NULL,
        indexed INTEGER NOT NULL DEFAULT 0,
        UNIQUE (grp, name)
    ) STRICT""",
    "CREATE INDEX image_recent ON image (grp, indexed)",
    "CREATE TABLE value_name (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    # The queue. Partial indexes keep it as quick with a million batches behind it as with none.
    """CREATE TABLE batch (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        image_id INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
        scripts TEXT NOT NULL,
        parameters TEXT NOT NULL,
        force INTEGER NOT NULL,
        signature BLOB NOT NULL,
        state TEXT NOT NULL
            CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
        position INTEGER NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0,
        losses INTEGER NOT NULL DEFAULT 0,
        lost_script TEXT,
        failures TEXT NOT NULL DEFAULT '{}',
        processor TEXT,
        submitted_at REAL NOT NULL,
        started_at REAL,
        finished_at REAL,
        cancel INTEGER NOT NULL DEFAULT 0
    ) STRICT""",
    "CREATE INDEX batch_waiting ON batch (position, image_id) WHERE state = 'waiting'",
    "CREATE INDEX batch_waiting_image ON batch (image_id, signature) WHERE state = 'waiting'",
    "CREATE INDEX batch_running ON batch (image_id) WHERE state = 'running'",
    "CREATE INDEX batch_image ON batch (image_id)",
    "CREATE INDEX batch_ended ON batch (state, finished_at, id) WHERE finished_at IS NOT NULL",
    # The outermost positions that were ever given out.
    "CREATE TABLE queue_end (first INTEGER NOT NULL, last INTEGER NOT NULL) STRICT",
    "INSERT INTO queue_end VALUES (0, 0)",
    """CREATE TABLE processor (
        id TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        batch INTEGER,
        image_id INTEGER,
        script TEXT,
        progress REAL,
        since REAL NOT NULL,
        host TEXT NOT NULL,
        pid INTEGER,
        kill INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID""",
    # A row outlives its image, so it carries the name. Absent texts are '' and absent numbers 0:
    # a page starts after (column, time, id), and NULL is after nothing.
    """CREATE TABLE log (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time REAL NOT NULL,
        level INTEGER NOT NULL,
        processor TEXT NOT NULL,
        image_id INTEGER NOT NULL,
        image TEXT NOT NULL,
        batch INTEGER NOT NULL,
        script TEXT NOT NULL,
        text TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX log_time ON log (time, id)",
    "CREATE INDEX log_level ON log (level, time, id)",
    "CREATE INDEX log_processor ON log (processor, time, id)",
    "CREATE INDEX log_image_id ON log (image_id, time, id)",
    "CREATE INDEX log_image ON log (image, time, id)",
    "CREATE INDEX log_batch ON log (batch, time, id)",
    "CREATE INDEX log_script ON log (script, time, id)",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

_WATCHES = (
    # Folders whose recordings are imported as they come. A change here must not lose what was
    # taken: it saves the next start from opening every file again.
    """CREATE TABLE watch (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        folder TEXT NOT NULL UNIQUE,
        orders TEXT NOT NULL,
        active INTEGER NOT NULL,
        added_at REAL NOT NULL,
        scans INTEGER NOT NULL DEFAULT 0,
        status TEXT NOT NULL DEFAULT '{}'
    ) STRICT""",
    # Paths are bytes below the folder: a name need not be a text.
    """CREATE TABLE watched_file (
        watch INTEGER NOT NULL REFERENCES watch (id) ON DELETE CASCADE,
        path BLOB NOT NULL,
        size INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        state TEXT NOT NULL
            CHECK (state IN ('imported', 'incomplete', 'failed', 'rewritten')),
        reason TEXT NOT NULL,
        source_id TEXT NOT NULL,
        image_id INTEGER,
        written_at REAL,
        noted_at REAL NOT NULL,
        PRIMARY KEY (watch, path)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX watched_file_state ON watched_file (watch, state, noted_at)",
)

_ORDER = (
    # Batches whose images wait for one another stand in a line, their group's, until their scripts
    # in the order of recording have ended.
    "ALTER TABLE batch ADD COLUMN in_order INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE batch ADD COLUMN line TEXT",
    "ALTER TABLE batch ADD COLUMN line_time TEXT",
    "CREATE INDEX batch_line ON batch (line, line_time, image_id) WHERE line IS NOT NULL",
    "CREATE INDEX image_order ON image (grp, coalesce(recorded_at, '~'), id)",
)

_COPIES = (
    # Images whose results were copied to another place, and how they were then.
    """CREATE TABLE central_copy (
        image_id INTEGER PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
        orders TEXT NOT NULL,
        indexed INTEGER NOT NULL,
        ended_at REAL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        copied_at REAL NOT NULL,
        trouble TEXT NOT NULL DEFAULT ''
    ) STRICT""",
)

_SOURCES = (
    # Whether a file was imported before, also where a watch was killed before it noted so.
    "CREATE INDEX image_source ON image (source)",
)

_MAP = (
    # Where images were recorded, and pictures of the grid: indexes like the table of images.
    """CREATE TABLE position (
        image_id INTEGER PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
        square TEXT,
        hole TEXT,
        stage_x REAL,
        stage_y REAL,
        hole_x REAL,
        hole_y REAL,
        shift_x REAL NOT NULL,
        shift_y REAL NOT NULL,
        width REAL NOT NULL,
        height REAL NOT NULL
    ) STRICT""",
    """CREATE TABLE overview (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('atlas', 'tile', 'square', 'hole')),
        name TEXT NOT NULL,
        source TEXT NOT NULL UNIQUE,
        picture TEXT,
        x REAL NOT NULL,
        y REAL NOT NULL,
        right_x REAL NOT NULL,
        right_y REAL NOT NULL,
        down_x REAL NOT NULL,
        down_y REAL NOT NULL,
        columns INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        recorded_at TEXT
    ) STRICT""",
)

# An image's picture in the library: which one it is, so that it is fetched once.
_PICTURES = ("ALTER TABLE image ADD COLUMN pictured_at TEXT",)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _FIRST, _WATCHES, _ORDER, _COPIES, _SOURCES, _MAP, _PICTURES,
)  # fmt: skip
"""The statements that lead from version n to n + 1, at index n."""


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables up to date, each version in one transaction with its record.

    Raises:
        ProjectError: The file is of a newer cryobatch than this one.
    """
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise ProjectError(
            f"{path} was made by a newer cryobatch (tables {version}, this one knows "
            f"{len(MIGRATIONS)}): update cryobatch"
        )
    while _version(connection) < len(MIGRATIONS):
        _step(connection)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _step(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have come first
        if version < len(MIGRATIONS):
            for statement in MIGRATIONS[version]:
                connection.execute(statement)
            connection.execute("INSERT INTO migration VALUES (?, ?)", (version + 1, time.time()))
            connection.execute(f"PRAGMA user_version = {version + 1:d}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
