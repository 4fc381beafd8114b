"""Several processes share a queue, and one that is killed harms nobody."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cryobatch.model import BatchState
from cryobatch.store import queue
from cryobatch.store.database import Database
from tests.store.store_images import MakeImages, fill

CONTEXT = multiprocessing.get_context("spawn")


def claim_all(path: Path, name: str, pipe: Connection) -> None:
    """Claim and finish until nothing is left, and say which batches they were."""
    found: list[int] = []
    pipe.recv()
    with Database(path) as database:
        while True:
            with database.transaction() as t:
                batch = queue.claim(t, name, 1.0)
            if batch is None:
                pipe.send(found)
                return
            found.append(batch.id)
            with database.transaction() as t:
                queue.finish(t, batch.id, batch.attempt, BatchState.DONE, {}, 2.0)


def claim_and_tell(path: Path, name: str, pipe: Connection) -> None:
    """Claim and finish for ever, and tell each batch once its end is committed."""
    with Database(path) as database:
        while True:
            with database.transaction() as t:
                batch = queue.claim(t, name, 1.0)
            assert batch is not None
            with database.transaction() as t:
                queue.finish(t, batch.id, batch.attempt, BatchState.DONE, {}, 2.0)
            pipe.send(batch.id)


def start(target: Callable[..., None], path: Path, name: str) -> tuple[Any, Connection]:
    """Start a process with a pipe (Any: multiprocessing names no public type for it)."""
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=target, args=(path, name, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def test_processes_never_claim_the_same_batch(database: Database, images: MakeImages) -> None:
    """Two processes that claim as fast as they can share the batches without overlap."""
    ids = fill(database, images(120))
    workers = [start(claim_all, database.path, f"local-{n}") for n in (1, 2)]
    for _, pipe in workers:
        pipe.send("go")
    found = [pipe.recv() for _, pipe in workers]
    for process, _ in workers:
        process.join()
    assert sorted(found[0] + found[1]) == sorted(ids)


def test_a_killed_process_loses_nothing_that_it_told(
    database: Database, images: MakeImages
) -> None:
    """After SIGKILL at any moment, told ends are there, and the rest waits or runs."""
    ids = fill(database, images(400))
    told: set[int] = set()
    for turn in range(6):
        process, pipe = start(claim_and_tell, database.path, f"local-{turn}")
        told.update(pipe.recv() for _ in range(3 + turn))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        told.update(_rest(pipe))
    with Database(database.path) as again, again.transaction() as t:
        assert t.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        lost = [batch.id for batch in queue.give_back_all(t, 3.0)]
        rows = queue.listing(t, states=tuple(BatchState))
    done = {row.batch.id for row in rows if row.batch.state is BatchState.DONE}
    waiting = [row.batch.id for row in rows if row.batch.state is BatchState.WAITING]
    assert told <= done
    assert len(done - told) + len(lost) <= 6
    assert waiting[: len(lost)] == lost
    assert done.isdisjoint(waiting)
    assert sorted([*done, *waiting]) == sorted(ids)


def _rest(pipe: Connection) -> list[int]:
    """Return what was told before the end."""
    found = []
    try:
        while pipe.poll(0):
            found.append(pipe.recv())
    except (EOFError, ConnectionResetError):
        pass
    return found
