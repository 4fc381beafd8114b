"""Room on the disk: taken before the work, told when there is none."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from cryobatch.formats import mrc_writing
from cryobatch.formats.mrc import StackWriter, open_stack


def test_a_stack_has_its_room_before_its_frames(tmp_path: Path) -> None:
    """Its last frame cannot fail for want of room; frames come in any order as before."""
    path = tmp_path / "a.mrc"
    frames = np.random.default_rng(1).integers(0, 9, (3, 300, 500)).astype(np.uint8)
    with StackWriter(path, frames.shape, "uint8", 1.0) as writer:
        assert path.stat().st_size in (1024, 1024 + frames.size)
        for index in (2, 0, 1):
            writer.write(index, frames[index])
    with open_stack(path) as stack:
        np.testing.assert_array_equal(stack.raw_frame(2), frames[2])


def count_open_files() -> int:
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_full_disk_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the file's name; nothing stays open."""

    def full(_descriptor: int, _size_bytes: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(mrc_writing, "take_room", full)
    before = count_open_files()
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.mrc'"):
        StackWriter(tmp_path / "a.mrc", (1, 8, 8), "uint8", 1.0)
    assert count_open_files() == before
