"""Taking recordings: a copy is whole and the same, a move deletes only what was copied."""

from pathlib import Path

import pytest

from cryobatch.errors import BadInput, ProjectError
from cryobatch.importing import Take, remove_source, take_recording


def make_source(folder: Path) -> Path:
    """Make a recording to take."""
    path = folder / "a.tiff"
    path.write_bytes(bytes(range(256)) * 100)
    return path


def test_a_link_makes_no_file(tmp_path: Path) -> None:
    """A linked recording stays where it is, named by its absolute path."""
    folder = tmp_path / "image"
    folder.mkdir()
    source = make_source(tmp_path)
    assert take_recording(source, folder, Take.LINK) == str(source)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("how", [Take.COPY, Take.MOVE])
def test_a_copy_is_the_same_file_with_its_times(tmp_path: Path, how: Take) -> None:
    """Copy and move bring the whole file, and leave the source until told to remove it."""
    folder = tmp_path / "image"
    folder.mkdir()
    source = make_source(tmp_path)
    assert take_recording(source, folder, how) == "a.tiff"
    copy = folder / "a.tiff"
    assert copy.read_bytes() == source.read_bytes()
    assert copy.stat().st_mtime_ns == source.stat().st_mtime_ns
    assert [item.name for item in folder.iterdir()] == ["a.tiff"]
    remove_source(source, copy)
    assert not source.exists()
    assert copy.exists()


def test_a_source_that_changed_is_not_deleted(tmp_path: Path) -> None:
    """What differs from its copy stays, and the error says so."""
    folder = tmp_path / "image"
    folder.mkdir()
    source = make_source(tmp_path)
    take_recording(source, folder, Take.MOVE)
    source.write_bytes(b"another recording")
    with pytest.raises(BadInput, match="was not deleted"):
        remove_source(source, folder / "a.tiff")
    assert source.exists()


def test_a_vanished_source_and_a_missing_folder_are_errors(tmp_path: Path) -> None:
    """Which of the two sides failed decides which error it is, and no half file is left."""
    folder = tmp_path / "image"
    folder.mkdir()
    with pytest.raises(BadInput, match="is gone"):
        take_recording(tmp_path / "gone.tiff", folder, Take.COPY)
    assert not list(folder.iterdir())
    with pytest.raises(ProjectError, match="cannot be written"):
        take_recording(make_source(tmp_path), tmp_path / "no folder", Take.COPY)
