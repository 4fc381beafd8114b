"""Bring batches into the queue."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cryobatch.errors import UsageError
from cryobatch.model.batch import ParameterSet
from cryobatch.store.database import Database, Transaction
from cryobatch.store.queue.places import GAP, take_bottom, take_top

_CHUNK = 1000  # about 0.02 s of work between two commits
_STAND_IN_LINE = """
    UPDATE batch SET in_order = 1, (line, line_time) = (
        SELECT grp, coalesce(recorded_at, '~') FROM image WHERE image.id = batch.image_id)
    WHERE id = ?
"""
_WAITING = "SELECT id FROM batch WHERE state = 'waiting' AND image_id = ? AND signature = ?"
_SINCE = """
    SELECT id FROM batch INDEXED BY batch_image WHERE image_id = ? AND id > ? AND signature = ?
"""
_BREATH_S = 0.004  # other processes look for the lock every 0.002 s


@dataclass(frozen=True, slots=True)
class Submission:
    """What shall be done to one image.

    Args:
        image_id: The image.
        scripts: Names of the chosen scripts.
        parameters: What is given for this batch, in the parameters' own types.
        force: Whether what is up to date runs too.
        in_order: Whether it waits for the images recorded before in its group.
    """

    image_id: int
    scripts: tuple[str, ...]
    parameters: ParameterSet = field(default_factory=dict)
    force: bool = False
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of submissions.

    Args:
        ids: The new batches, in the order given.
        duplicates: Batches that waited already for the same; nothing was added for these.
    """

    ids: tuple[int, ...]
    duplicates: tuple[int, ...] = ()


def submit(t: Transaction, requests: Iterable[Submission], *, top: bool, now: float) -> Submitted:
    """Add batches, at the bottom or on top, in the order given.

    The same image, scripts, parameters and force that still wait are reported, not doubled.

    Raises:
        UsageError: An image is not in the library; nothing may be kept of this transaction.
    """
    bundle = list(requests)
    return _insert(t, bundle, _take_places(t, len(bundle), top), now)


def submit_all(
    database: Database,
    requests: Sequence[Submission],
    *,
    top: bool,
    now: float,
    since: int | None = None,
) -> Submitted:
    """Add a bundle of any size in transactions so short that nobody has to wait.

    When the process dies in between, the first part of the bundle is in the queue; the same call
    again reports that part as duplicates and adds the rest.

    Args:
        database: The project's.
        requests: What shall be done.
        top: Whether it goes on top.
        now: Seconds since the epoch.
        since: Batches for the same with a higher id than this are duplicates too, also when they
            wait no more: somebody has asked for it meanwhile. None: only what waits is.
    """
    ids: list[int] = []
    duplicates: list[int] = []
    place = 0
    for start in range(0, len(requests), _CHUNK):
        if start:
            time.sleep(_BREATH_S)
        with database.transaction() as t:
            if not start:
                place = _take_places(t, len(requests), top)
            done = _insert(t, requests[start : start + _CHUNK], place + start * GAP, now,
                           since)  # fmt: skip
        ids += done.ids
        duplicates += done.duplicates
    return Submitted(tuple(ids), tuple(duplicates))


def _take_places(t: Transaction, count: int, top: bool) -> int:
    return take_top(t, count) if top else take_bottom(t, count)


def _insert(
    t: Transaction,
    requests: Sequence[Submission],
    first_place: int,
    now: float,
    since: int | None = None,
) -> Submitted:
    ids: list[int] = []
    duplicates: list[int] = []
    texts = _Texts()
    for index, request in enumerate(requests):
        scripts, parameters, signature = texts.of(request)
        same = _find_same(t, request.image_id, signature, since)
        if same is not None:
            duplicates.append(same)
            continue
        row = (request.image_id, scripts, parameters, request.force, signature,
               first_place + index * GAP, now)  # fmt: skip
        ids.append(_insert_row(t, row))
        if request.in_order:
            t.execute(_STAND_IN_LINE, (ids[-1],))
    return Submitted(tuple(ids), tuple(duplicates))


def _find_same(t: Transaction, image_id: int, signature: bytes, since: int | None) -> int | None:
    """Return a batch that waits for the same, or was submitted for the same since another one."""
    found = t.execute(_WAITING, (image_id, signature)).fetchone()
    if found is None and since is not None:
        found = t.execute(_SINCE, (image_id, since, signature)).fetchone()
    return None if found is None else int(found[0])


def _insert_row(t: Transaction, row: tuple[object, ...]) -> int:
    try:
        added = t.execute(
            "INSERT INTO batch (image_id, scripts, parameters, force, signature, state, position, "
            "submitted_at) VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?)",
            row,
        )
    except sqlite3.IntegrityError as error:
        raise UsageError(f"no image of the library has the id {row[0]}") from error
    assert added.lastrowid is not None
    return added.lastrowid


class _Texts:
    """The texts of one request after another, which mostly ask for the same."""

    def __init__(self) -> None:
        self._scripts: tuple[str, ...] = ()
        self._parameters: Mapping[str, object] | None = None
        self._force = False
        self._found = ("", "", b"")

    def of(self, request: Submission) -> tuple[str, str, bytes]:
        """Return scripts, parameters and the signature of a request."""
        same = request.parameters is self._parameters and request.force == self._force
        if not same or request.scripts != self._scripts:
            self._scripts, self._force = request.scripts, request.force
            self._parameters = request.parameters
            scripts = json.dumps(request.scripts)
            parameters = json.dumps(request.parameters, sort_keys=True)
            whole = json.dumps([scripts, parameters, request.force])
            signature = hashlib.blake2b(whole.encode(), digest_size=16).digest()
            self._found = scripts, parameters, signature
        return self._found
