"""Files that appear whole or not at all."""

import os
from pathlib import Path

import pytest

from cryobatch.formats.atomic import replacing, write_bytes_durably


@pytest.mark.parametrize("fsync", [True, False])
def test_a_file_is_replaced_and_nothing_stays_beside_it(tmp_path: Path, fsync: bool) -> None:
    """The old content gives way to the new one, and no other file is left."""
    path = tmp_path / "image.toml"
    write_bytes_durably(path, b"old", fsync=fsync)
    write_bytes_durably(path, b"new" * 1000, fsync=fsync)
    assert path.read_bytes() == b"new" * 1000
    assert [item.name for item in tmp_path.iterdir()] == ["image.toml"]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs the new content only."""
    path = tmp_path / "image.toml"
    write_bytes_durably(path, b"old")

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(OSError, match="No space"):
        write_bytes_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_written_in_pieces_appears_at_the_end(tmp_path: Path) -> None:
    """Until its writer has ended nobody sees the file, and after an error nobody ever does."""
    path = tmp_path / "a.mrc"
    with replacing(path) as beside:
        beside.write_text("content")
        assert not path.exists()
    assert path.read_text() == "content"

    def fail() -> None:
        with replacing(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "content"
    assert len(list(tmp_path.iterdir())) == 1
