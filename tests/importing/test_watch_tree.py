"""A watched folder's tree: every file is seen once, whatever links, pipes and names lie in it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cryobatch.importing.watching.patterns import Patterns
from cryobatch.importing.watching.settle import Look
from cryobatch.importing.watching.tree import Tree


class Notes:
    """What a tree has told of."""

    def __init__(self) -> None:
        """Begin empty."""
        self.files: list[str] = []
        self.metadata: list[str] = []

    def see(self, path: str, look: Look) -> None:
        """Note a recording."""
        self.files.append(path)

    def see_metadata(self, path: str) -> None:
        """Note a metadata file."""
        self.metadata.append(path)

    def take(self) -> list[str]:
        """Return what was noted since the last time."""
        found, self.files = sorted(self.files), []
        return found


def make(folder: Path, *names: str) -> Path:
    """Make small files with their folders."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1234")
    return folder


def grow(folder: Path, patterns: Patterns | None = None) -> tuple[Tree, Notes]:
    """Return a folder's tree, and what it tells."""
    notes = Notes()
    return Tree(folder, patterns or Patterns(), notes), notes


def test_recordings_and_metadata_are_told_apart_from_all_else(tmp_path: Path) -> None:
    """By their names alone: nothing is opened. Hidden files and folders are nobody's recordings."""
    make(tmp_path, "a.mrc", "b/c.TIFF", "b/c.mrc.gz", "d.eer", "e.xml", "b/f.mrc.mdoc", "g.jpg",
         ".hidden.mrc", ".trash/a.mrc", "h.mrc.tmp")  # fmt: skip
    tree, notes = grow(tmp_path)
    tree.walk()
    assert notes.take() == ["a.mrc", "b/c.TIFF", "b/c.mrc.gz", "d.eer"]
    assert sorted(notes.metadata) == ["b/f.mrc.mdoc", "e.xml"]


def test_a_walk_ends_though_links_lead_in_circles(tmp_path: Path) -> None:
    """Each folder is entered once, by whatever name; a link to a folder elsewhere is followed."""
    folder = make(tmp_path / "watched", "a/b/c.mrc")
    elsewhere = make(tmp_path / "elsewhere", "d.mrc")
    (folder / "a" / "b" / "up").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    (folder / "lost.mrc").symlink_to(folder / "nowhere.mrc")
    (folder / "disc2").symlink_to(elsewhere)
    tree, notes = grow(folder)
    tree.walk()
    assert notes.take() == ["a/b/c.mrc", "disc2/d.mrc"]
    assert tree.troubles == {}


def test_what_is_no_plain_file_is_passed_over(tmp_path: Path) -> None:
    """A pipe or a folder with a recording's name; the folder's own recordings count."""
    make(tmp_path, "folder.mrc/a.mrc")
    os.mkfifo(tmp_path / "pipe.mrc")
    tree, notes = grow(tmp_path)
    tree.walk()
    assert notes.take() == ["folder.mrc/a.mrc"]


def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, line breaks, quotes and 255 characters lead back to the file."""
    names = [os.fsdecode(b"\xff\xfe.mrc"), "line\nbreak.mrc", "quote'\".mrc", "x" * 251 + ".mrc"]
    make(tmp_path, *names)
    tree, notes = grow(tmp_path)
    tree.walk()
    assert notes.take() == sorted(names)
    assert all((tmp_path / name).exists() for name in names)


def test_a_projects_own_images_are_no_recordings(tmp_path: Path) -> None:
    """Who watches a folder with a project in it does not import what that has made."""
    make(tmp_path, "project/project.toml", "project/images/g/a/micrograph.mrc", "images/b.mrc")
    tree, notes = grow(tmp_path)
    tree.walk()
    assert notes.take() == ["images/b.mrc"]


def test_a_poll_lists_only_folders_in_which_names_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And lists them once more: two changes may have fallen into one tick of the clock."""
    make(tmp_path, "a/1.mrc", "b/2.mrc")
    tree, notes = grow(tmp_path)
    tree.walk()
    notes.take()
    listed: list[str] = []
    listing: Callable[..., list[str]] = tree._list

    def note(path: str, seen: set[tuple[int, int]]) -> list[str]:
        listed.append(path)
        return listing(path, seen)

    monkeypatch.setattr(tree, "_list", note)
    tree.poll()
    assert listed == []
    make(tmp_path, "b/3.mrc", "c/d/4.mrc")
    os.utime(tmp_path / "b", ns=(1, 1))
    os.utime(tmp_path, ns=(1, 1))
    tree.poll()
    assert set(notes.take()) == {"b/2.mrc", "b/3.mrc", "c/d/4.mrc"}
    assert "a" not in [path for path in listed if path == "a" and listed.count(path) > 1]
    listed.clear()
    tree.poll()
    assert "b" in listed
    listed.clear()
    tree.poll()
    assert listed == []


def test_reports_of_files_and_folders_are_followed(tmp_path: Path) -> None:
    """A file in a known folder is looked at alone, a new folder with all that is in it."""
    make(tmp_path, "a/1.mrc")
    tree, notes = grow(tmp_path)
    tree.walk()
    notes.take()
    make(tmp_path, "a/2.mrc", "new/deep/3.mrc", "other/4.mrc")
    tree.visit([f"{tmp_path}/a/2.mrc", f"{tmp_path}/new", f"{tmp_path}/other/4.mrc"])
    assert notes.take() == ["a/2.mrc", "new/deep/3.mrc", "other/4.mrc"]
    shutil.rmtree(tmp_path / "new")
    tree.visit([f"{tmp_path}/new", "/somewhere/else.mrc", f"{tmp_path}/.hidden/5.mrc"])
    assert notes.take() == []


def test_a_report_with_a_mangled_name_leads_to_its_folder(tmp_path: Path) -> None:
    """Where the kernel's bytes were no text the name in a report is another one."""
    tree, notes = grow(tmp_path)
    tree.walk()
    name = os.fsdecode(b"\xff.mrc")
    make(tmp_path, name)
    tree.visit([f"{tmp_path}/\ufffd.mrc"])
    assert notes.take() == [name]


def test_ignored_folders_are_not_entered(tmp_path: Path) -> None:
    """Neither by a walk nor by a report."""
    make(tmp_path, "old/a.mrc", "new/b.mrc", "new/old/c.mrc")
    tree, notes = grow(tmp_path, Patterns(ignore=("old",)))
    tree.walk()
    tree.visit([f"{tmp_path}/old", f"{tmp_path}/new/old"])
    assert notes.take() == ["new/b.mrc"]


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    """With the reason, and the others are looked at."""
    make(tmp_path, "a/1.mrc", "b/2.mrc")
    (tmp_path / "a").chmod(0)
    tree, notes = grow(tmp_path)
    tree.walk()
    (tmp_path / "a").chmod(0o700)
    assert notes.take() == ["b/2.mrc"]
    assert tree.troubles == {"a": "Permission denied"}


@pytest.mark.parametrize(
    ("patterns", "accepted"),
    [
        (Patterns(), ["a.mrc", "b/a_sum.mrc"]),
        (Patterns(include=("*_sum.*",)), ["b/a_sum.mrc"]),
        (Patterns(include=("b/*",)), ["b/a_sum.mrc"]),
        (Patterns(ignore=("a*",)), []),
        (Patterns(include=("*.mrc",), ignore=("b/*",)), ["a.mrc"]),
        (Patterns(include=("A.mrc",)), []),
    ],
)
def test_patterns(patterns: Patterns, accepted: list[str]) -> None:
    """With a slash the path is meant, without one the name; what is ignored is not included."""
    assert [path for path in ("a.mrc", "b/a_sum.mrc") if patterns.accepts(path)] == accepted
