"""A file has settled when it looks the same twice."""

from pathlib import Path

from cryobatch.importing.settle import Look, Settling

A = Path("a.mrc")


class Folder:
    """Files as they look at the moment."""

    def __init__(self) -> None:
        """Begin empty."""
        self.files: dict[Path, Look] = {}

    def look(self, path: Path) -> Look | None:
        """Return what a file looks like."""
        return self.files.get(path)


def test_growing_file_is_unready() -> None:
    """As long as size or time change, a file is left alone."""
    folder = Folder()
    settling = Settling(folder.look)
    for size in (10, 20, 30):
        folder.files[A] = (size, size, 1)
        assert settling.is_unready(A)
    assert not settling.is_unready(A)


def test_age_says_nothing() -> None:
    """A file of the future, or of long ago, has to be seen twice like every other."""
    for moment in (10**20, 0):
        folder = Folder()
        settling = Settling(folder.look)
        folder.files[A] = (10, moment, 1)
        assert settling.is_unready(A)
        assert not settling.is_unready(A)


def test_taken_file_is_not_looked_at_again() -> None:
    """What was taken is skipped until it changes and settles anew."""
    folder = Folder()
    settling = Settling(folder.look)
    folder.files[A] = (10, 1, 1)
    settling.is_unready(A)
    assert not settling.is_unready(A)
    settling.take(A)
    assert settling.is_unready(A)
    folder.files[A] = (11, 2, 1)
    assert settling.is_unready(A)
    assert not settling.is_unready(A)


def test_vanished_file_begins_anew() -> None:
    """A file that went and came back has to settle again."""
    folder = Folder()
    settling = Settling(folder.look)
    folder.files[A] = (10, 1, 1)
    settling.is_unready(A)
    del folder.files[A]
    assert settling.is_unready(A)
    folder.files[A] = (10, 1, 1)
    assert settling.is_unready(A)
