"""The journal: what a power loss takes of a brief result is there again after the next start."""

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cryobatch.errors import ProjectError
from cryobatch.formats import atomic, parameter_file
from cryobatch.model.image import ImageRecord, Person, RunRecord
from cryobatch.processing import journal as journal_module
from cryobatch.processing import spares
from cryobatch.processing.commit import Committed, commit_results
from cryobatch.processing.image_folder import identify, read_record, update_record
from cryobatch.processing.journal import Journal, Restored, settle
from cryobatch.processing.orders import StagedResult
from cryobatch.processing.recovery import recover
from cryobatch.project import Project
from tests.processing.conftest import MakeProject
from tests.processing.test_commit_steps import plant_of

Damage = Callable[[Path, bytes], None]


def nowhere(_: int) -> Path | None:
    """Find no image."""
    return None


def run_of(batch: int) -> RunRecord:
    """Return a run's record."""
    return RunRecord(
        version="1", fingerprint=f"of {batch}", host="here", processor="local-1", batch=batch,
        started_at="2026-01-01T00:00:00.000+00:00", seconds=0.0, memory_bytes=1, parameters={},
        tools={}, products={}, inputs={}, given={},
    )  # fmt: skip


def with_run(record: ImageRecord, script: str, batch: int) -> ImageRecord:
    """Return a record after a run of a script that gives a value."""
    return record.with_run(script, run_of(batch), {f"value_of_{script}": float(batch)})


def result_for(folder: Path, script: str = "judge", batch: int = 1) -> StagedResult:
    """Return what a runner says of a script that gives nothing but values."""
    content = parameter_file.dumps(with_run(read_record(folder), script, batch))
    return StagedResult(script, "", "", identify(folder), {}, (), None, content)


@dataclass(slots=True)
class Bench:
    """Images, and a journal that lasts until it is closed or its power fails."""

    project: Project
    journal: Journal

    def folder(self, image: int = 1) -> Path:
        """Return the folder of an image."""
        return self.project.images.folder(image)

    def commit(self, *images: int, script: str = "judge", batch: int = 1) -> list[object]:
        """Commit a brief result for each image, together."""
        results = [
            (self.folder(one), result_for(self.folder(one), script, batch)) for one in images
        ]
        return list(commit_results(results, journal=self.journal))

    def fail_power(self) -> None:
        """End the journal without its last flush; its thread may end in its own time."""
        with self.journal:
            self.journal._seal()

    def settle(self) -> list[Restored]:
        """Do what the next daemon does first."""
        return settle(self.project.place.staging, nowhere)


@pytest.fixture
def bench(new_project: MakeProject) -> Iterator[Bench]:
    """Return images with a journal."""
    project = new_project(40)
    project.place.staging.mkdir(exist_ok=True)
    journal = Journal(project.place.staging)
    yield Bench(project, journal)
    journal.close()


def test_many_results_are_committed_with_one_entry_each(bench: Bench) -> None:
    """All are in their images, and nothing is left when the journal is closed."""
    outcomes = bench.commit(*range(1, 41))
    assert all(isinstance(one, Committed) for one in outcomes)
    for image in range(1, 41):
        assert read_record(bench.folder(image)).runs["judge"].batch == 1
    bench.journal.close()
    assert list(bench.project.place.staging.iterdir()) == []


def test_a_replaced_file_is_written_again(bench: Bench) -> None:
    """After a few rounds no file is made any more: the inodes are those of earlier ones."""
    known: set[int] = set()
    for batch in range(1, 5):
        known |= {identify(bench.folder(image))[2] for image in range(1, 41)}
        bench.commit(*range(1, 41), batch=batch)
    fresh = {identify(bench.folder(image))[2] for image in range(1, 41)} - known
    assert len(fresh) <= spares.LEAST


def _hold_open(path: Path, stack: contextlib.ExitStack) -> None:
    stack.enter_context(path.open("rb"))


def _link(path: Path, _: contextlib.ExitStack) -> None:
    os.link(path, path.parents[2] / f"backup-{path.parent.name}")


def _protect(path: Path, _: contextlib.ExitStack) -> None:
    path.chmod(0o600)


@pytest.mark.parametrize("how", [_hold_open, _link, _protect])
def test_what_is_anybody_elses_too_is_never_written_again(
    bench: Bench, how: Callable[[Path, contextlib.ExitStack], None]
) -> None:
    """A reader, a backup's hard link or a private file keeps what it has."""
    path = bench.folder(1) / "image.toml"
    with contextlib.ExitStack() as stack:
        how(path, stack)
        kept = os.open(path, os.O_RDONLY) if how is _hold_open else None
        before, inode = path.read_bytes(), identify(bench.folder(1))[2]
        for batch in range(1, 4):
            bench.commit(*range(1, 41), batch=batch)
            modes = {(bench.folder(n) / "image.toml").stat().st_mode for n in range(1, 41)}
            assert len(modes) == 1
        now = {identify(bench.folder(image))[2] for image in range(1, 41)}
        if how is _link:
            assert (path.parents[2] / f"backup-{path.parent.name}").read_bytes() == before
        if kept is not None:
            assert os.pread(kept, len(before) + 1, 0) == before
            os.close(kept)
            assert inode not in now


def test_a_file_system_that_cannot_exchange_gets_a_new_file_each(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one on the network: the result is the same."""
    monkeypatch.setattr(atomic, "_RENAME", None)
    for batch in (1, 2):
        outcomes = bench.commit(1, 2, 3, batch=batch)
        assert all(isinstance(one, Committed) for one in outcomes)
    assert read_record(bench.folder(3)).runs["judge"].batch == 2


def test_a_power_loss_after_the_journal_takes_nothing(bench: Bench) -> None:
    """The names had not come to the disk: the old files are there, and are replaced again."""
    old = {image: (bench.folder(image) / "image.toml").read_bytes() for image in (1, 2)}
    bench.commit(1, 2)
    bench.fail_power()
    for image, content in old.items():
        _put_back(bench.folder(image), content)
    restored = bench.settle()
    assert (
        sorted(one.text for one in restored)
        == ["after a restart: its parameter file was written again"] * 2
    )
    for image in (1, 2):
        assert read_record(bench.folder(image)).runs["judge"].batch == 1
    assert not list(bench.project.place.staging.glob("journal-*"))
    assert bench.settle() == []


def _put_back(folder: Path, content: bytes) -> None:
    """Let a file of an earlier time be an image's, as if its name had never changed."""
    status = (folder / "image.toml").stat()
    with (folder / "image.toml").open("r+b") as file:
        file.write(content)
        file.truncate()
    os.utime(folder / "image.toml", ns=(status.st_atime_ns, status.st_mtime_ns))


def _tear(folder: Path, _: bytes) -> None:
    _put_back(folder, b"[image]\nid = 1\nna\0\0\0")


def _empty(folder: Path, _: bytes) -> None:
    _put_back(folder, b"")


def _mix_up(folder: Path, other: bytes) -> None:
    _put_back(folder, other)


@pytest.mark.parametrize("damage", [_tear, _empty, _mix_up])
def test_a_torn_file_and_that_of_another_image_are_written_again(
    bench: Bench, damage: Damage
) -> None:
    """Also where somebody's program has touched what the power loss had left."""
    bench.commit(1, 2)
    bench.fail_power()
    path = bench.folder(1) / "image.toml"
    damage(bench.folder(1), (bench.folder(2) / "image.toml").read_bytes())
    os.utime(path)
    assert [one.folder for one in bench.settle()] == [bench.folder(1)]
    record = read_record(bench.folder(1))
    assert (record.image.id, record.runs["judge"].batch) == (1, 1)


def test_another_image_that_was_given_the_folder_keeps_its_own(bench: Bench) -> None:
    """The first one was removed, and a recording of its name imported, before the daemon died."""
    bench.commit(1)
    bench.fail_power()
    record = read_record(bench.folder(2))
    other = replace(record, image=replace(record.image, id=99, source_id="new"))
    beside = bench.folder(1) / "fresh"
    beside.write_text(parameter_file.dumps(other))
    beside.replace(bench.folder(1) / "image.toml")
    assert bench.settle() == []
    assert read_record(bench.folder(1)) == other


def test_what_a_person_wrote_later_is_kept(bench: Bench) -> None:
    """By command, or in an editor that writes into the same file."""
    bench.commit(1, 2)
    bench.fail_power()
    update_record(bench.folder(1), lambda record: _said(record, "by command"))
    path = bench.folder(2) / "image.toml"
    before_ns = path.stat().st_mtime_ns
    text = parameter_file.dumps(_said(read_record(bench.folder(2)), "in an editor"))
    with path.open("r+") as file:
        file.write(text)
        file.truncate()
    os.utime(path, ns=(before_ns, before_ns + 4_000_000))  # the kernel's clock for files has ticked
    assert bench.settle() == []
    assert read_record(bench.folder(1)).person.comment == "by command"
    assert read_record(bench.folder(2)).person.comment == "in an editor"


def _said(record: ImageRecord, comment: str) -> ImageRecord:
    return parameter_file.loads(
        parameter_file.dumps(record) + f'\n[person]\ncomment = "{comment}"\n', "a test"
    )


def test_results_are_added_to_what_a_person_wrote_without_them(bench: Bench) -> None:
    """Such as from a copy: both are there."""
    bare = read_record(bench.folder(1))
    bench.commit(1)
    bench.fail_power()
    beside = bench.folder(1) / "copy"
    beside.write_text(parameter_file.dumps(_said(bare, "mine")))
    beside.replace(bench.folder(1) / "image.toml")
    (one,) = bench.settle()
    assert "judge was added" in one.text
    record = read_record(bench.folder(1))
    assert (record.person, record.runs["judge"].batch) == (Person(comment="mine"), 1)


def test_the_last_of_several_results_of_an_image_counts(bench: Bench) -> None:
    """Each holds those before it."""
    old = (bench.folder(1) / "image.toml").read_bytes()
    bench.commit(1, script="judge")
    bench.commit(1, script="weigh", batch=2)
    bench.fail_power()
    _put_back(bench.folder(1), old)
    assert len(bench.settle()) == 1
    assert set(read_record(bench.folder(1)).runs) == {"judge", "weigh"}


def test_half_a_line_at_the_end_is_no_result(bench: Bench) -> None:
    """Its flush had never ended, so nobody was told of it."""
    bench.commit(1)
    bench.commit(2)
    bench.fail_power()
    (path,) = bench.project.place.staging.glob("journal-*")
    path.write_bytes(path.read_bytes()[:-40])
    old = (bench.folder(2) / "image.toml").read_bytes()
    assert bench.settle() == []
    assert (bench.folder(2) / "image.toml").read_bytes() == old


def test_an_image_that_was_moved_is_found_and_one_that_was_removed_is_not_missed(
    bench: Bench,
) -> None:
    """Where it is now, the library knows."""
    old = (bench.folder(1) / "image.toml").read_bytes()
    bench.commit(1, 2)
    bench.fail_power()
    _put_back(bench.folder(1), old)
    moved = bench.folder(1).rename(bench.folder(1).with_name("moved"))
    bench.folder(2).rename(bench.project.place.folder / "away")
    restored = settle(bench.project.place.staging, {1: moved}.get)
    assert [one.folder for one in restored] == [moved]
    assert read_record(moved).runs["judge"].batch == 1


def test_trouble_with_one_image_is_told_and_stops_no_start(bench: Bench) -> None:
    """The others are put right; the log names the one."""
    old = (bench.folder(2) / "image.toml").read_bytes()
    bench.commit(1, 2)
    bench.fail_power()
    _put_back(bench.folder(2), old)
    (bench.folder(1) / "image.toml").unlink()
    (bench.folder(1) / "image.toml").mkdir()
    recover(bench.project.database, plant_of(bench.project), time.time())
    assert read_record(bench.folder(2)).runs["judge"].batch == 1
    texts = [row.text for row in bench.project.log.page(limit=10)]
    assert any(str(bench.folder(1)) in text and "cannot be put right" in text for text in texts)
    rows = {row["id"]: row for row in bench.project.images.rows()}
    assert rows[2]["value_of_judge"] == 1.0


def test_the_journal_is_forgotten_when_the_disk_has_all(
    new_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not grow with the session."""
    monkeypatch.setattr(journal_module, "INTERVAL_S", 0.01)
    project = new_project(1)
    project.place.staging.mkdir(exist_ok=True)
    journal = Journal(project.place.staging)
    Bench(project, journal).commit(1)
    deadline = time.monotonic() + 20
    while list(project.place.staging.glob("journal-*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not list(project.place.staging.glob("journal-*"))
    journal.close()


def test_a_busy_file_system_does_not_keep_a_daemon_from_ending(
    new_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush of all of it may take minutes; what was committed is flushed by itself then."""
    flushing, ended = threading.Event(), threading.Event()

    def sync_slowly(_: Path) -> None:
        flushing.set()
        ended.wait(60)

    monkeypatch.setattr(journal_module, "INTERVAL_S", 0.01)
    monkeypatch.setattr(journal_module, "PATIENCE_S", 0.05)
    monkeypatch.setattr(journal_module, "sync_file_system", sync_slowly)
    project = new_project(1)
    project.place.staging.mkdir(exist_ok=True)
    journal = Journal(project.place.staging)
    Bench(project, journal).commit(1)
    try:
        assert flushing.wait(20)
        journal.close()
        assert list(project.place.staging.iterdir()) == []
    finally:
        ended.set()


def test_a_journal_that_the_disk_refuses_fails_its_results_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of them is in the images, and nothing follows half a line."""
    bench.commit(1)
    flush = os.fdatasync

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", refuse)
    (outcome,) = bench.commit(2)
    assert isinstance(outcome, OSError)
    monkeypatch.setattr(os, "fdatasync", flush)
    bench.commit(3)
    bench.fail_power()
    (path,) = bench.project.place.staging.glob("journal-*")
    assert path.read_bytes().count(b"\n") == 2
    assert "judge" not in read_record(bench.folder(2)).runs


def test_an_edit_meanwhile_is_brought_in(bench: Bench) -> None:
    """Somebody has commented the image while the script ran: both are there."""
    result = result_for(bench.folder(1))
    update_record(bench.folder(1), lambda record: _said(record, "look here"))
    (outcome,) = commit_results([(bench.folder(1), result)], journal=bench.journal)
    assert isinstance(outcome, Committed)
    assert outcome.merged is not None
    record = read_record(bench.folder(1))
    assert (record.person.comment, record.runs["judge"].batch) == ("look here", 1)


def test_an_image_that_is_gone_fails_its_own_result(bench: Bench) -> None:
    """The others are committed."""
    results = [(bench.folder(n), result_for(bench.folder(n))) for n in (1, 2)]
    (bench.folder(1) / "image.toml").unlink()
    first, second = commit_results(results, journal=bench.journal)
    assert isinstance(first, ProjectError)
    assert isinstance(second, Committed)
