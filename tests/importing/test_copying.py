"""Copies are verified, go on after a kill, and are as slow as they are told to be."""

import json
import os
from pathlib import Path

import pytest

from cryobatch.errors import BadInput
from cryobatch.importing import Pace, Take, copying, take_recording
from cryobatch.importing.copying import copy_verified
from cryobatch.importing.watching.open_files import is_being_written


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a recording of ten blocks and a bit, each of two pieces."""
    monkeypatch.setattr(copying, "BLOCK_BYTES", 2000)
    monkeypatch.setattr(copying, "CHUNK_BYTES", 1000)
    path = tmp_path / "a.mrc"
    path.write_bytes(os.urandom(20_500))
    (tmp_path / "image").mkdir()
    return path


class Killed(BaseException):
    """Stands for the end of the process."""


def kill_after(count: int) -> copying.Spend:
    """Return what ends a copy after so many bytes."""
    spent: list[int] = []

    def spend(piece: int) -> None:
        spent.append(piece)
        if sum(spent) >= count:
            raise Killed

    return spend


def test_a_killed_copy_goes_on_where_it_was(source: Path) -> None:
    """Blocks that are there as they should be are not read again from the source."""
    place = source.parent / "image" / "a.mrc"
    with pytest.raises(Killed):
        copy_verified(source, place, spend=kill_after(13_000))
    assert not place.exists()
    spent: list[int] = []
    copy_verified(source, place, spend=spent.append)
    assert place.read_bytes() == source.read_bytes()
    assert sum(spent) == 20_500 - 12_000
    assert [item.name for item in place.parent.iterdir()] == ["a.mrc"]


def test_what_was_damaged_meanwhile_is_copied_again(source: Path) -> None:
    """The blocks behind the first one that is not as it was noted."""
    place = source.parent / "image" / "a.mrc"
    with pytest.raises(Killed):
        copy_verified(source, place, spend=kill_after(13_000))
    half = place.with_name(".a.mrc.new")
    damaged = bytearray(half.read_bytes())
    damaged[5000] ^= 1
    half.write_bytes(damaged)
    spent: list[int] = []
    copy_verified(source, place, spend=spent.append)
    assert place.read_bytes() == source.read_bytes()
    assert sum(spent) == 20_500 - 4000


@pytest.mark.parametrize("broken", ["", "[]", '{"look": 1}', json.dumps({"look": [1, 2, 3]})])
def test_notes_that_make_no_sense_are_not_trusted(source: Path, broken: str) -> None:
    """Then all is copied anew; so it is when the source is another one."""
    place = source.parent / "image" / "a.mrc"
    place.with_name(".a.mrc.copied").write_text(broken)
    place.with_name(".a.mrc.new").write_bytes(b"something")
    copy_verified(source, place)
    assert place.read_bytes() == source.read_bytes()


def test_a_source_that_changes_while_it_is_copied_is_refused(source: Path) -> None:
    """And nothing of the copy is left."""
    place = source.parent / "image" / "a.mrc"

    def spoil(_: int) -> None:
        with source.open("ab") as file:
            file.write(b"more")

    with pytest.raises(BadInput, match="changed while it was copied"):
        copy_verified(source, place, spend=spoil)
    assert list(place.parent.iterdir()) == []


def test_a_copy_that_is_not_what_was_read_is_refused(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk may lie: what is read back decides."""
    monkeypatch.setattr(copying, "_read_back", lambda *_: ["something else"])
    place = source.parent / "image" / "a.mrc"
    with pytest.raises(BadInput, match="the copy is not the same"):
        copy_verified(source, place)
    assert list(place.parent.iterdir()) == []


def test_an_empty_file_is_copied(source: Path) -> None:
    """It is not for copying to judge."""
    source.write_bytes(b"")
    place = source.parent / "image" / "a.mrc"
    copy_verified(source, place)
    assert place.read_bytes() == b""


def test_copies_keep_to_their_pace(source: Path) -> None:
    """So many bytes a second over all copies together; rest before does not count."""
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += max(0.0, seconds)

    pace = Pace(1000.0, clock=lambda: now[0], sleep=sleep)
    now[0] = 200.0
    take_recording(source, source.parent / "image", Take.COPY, pace)
    assert now[0] == pytest.approx(200.0 + 20.5)


def test_an_open_file_is_seen_where_the_system_can_tell(tmp_path: Path) -> None:
    """As long as somebody has it open for writing; who only reads does not count."""
    path = tmp_path / "a.mrc"
    path.write_bytes(b"1234")
    with path.open("ab"):
        if not is_being_written(path):
            pytest.skip("this file system grants no leases")
    with path.open("rb"):
        assert not is_being_written(path)
    assert not is_being_written(tmp_path / "gone.mrc")
