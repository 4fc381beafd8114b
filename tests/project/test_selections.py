"""Saved selections are the same for everybody, and outlive the library."""

import pytest

from cryobatch.errors import ConflictError, SettingsError, UnknownNameError, UsageError
from cryobatch.formats.selection_file import FILE_NAME
from cryobatch.project import Project, Selection
from cryobatch.project.pulse import Pulse
from cryobatch.store import library


def test_images_and_expressions_are_kept(project: Project) -> None:
    """Images stay those that were meant; an expression means whatever fulfils it later."""
    project.selections.save("three", Selection(images=(3, 1)))
    project.selections.save("early", Selection(where="id < 3"))
    assert project.selections.get("three") == Selection(images=(1, 3))
    assert project.selections.get("early") == Selection(where="id < 3")
    assert list(project.selections.listing()) == ["three", "early"]
    with Project.open(project.place.folder) as other:
        assert other.images.select(other.selections.get("early")) == [1, 2]


def test_names_are_given_once(project: Project) -> None:
    """A taken name is refused unless it shall be given anew; unknown ones name the known."""
    selections = project.selections
    selections.save("good  ones", Selection(images=(1,)))
    with pytest.raises(ConflictError, match="good ones"):
        selections.save("good ones", Selection(images=(2,)))
    selections.save("good ones", Selection(images=(2,)), replace=True)
    selections.save("bad", Selection(images=(1,)))
    with pytest.raises(ConflictError, match="bad"):
        selections.rename("good ones", "bad")
    selections.rename("good ones", "best")
    assert selections.get("best") == Selection(images=(2,))
    assert selections.remove("bad").images == (1,)
    with pytest.raises(UnknownNameError, match="best"):
        selections.get("good ones")
    for wrong in ("", " ", "x" * 81, "a\x07b"):
        with pytest.raises(UsageError, match="name"):
            selections.save(wrong, Selection(images=(1,)))
    with pytest.raises(UsageError, match="is no filter"):
        selections.save("broken", Selection(where="id <"))


def test_images_that_are_gone_are_left_out(project: Project) -> None:
    """A selection outlives some of its images."""
    project.selections.save("pair", Selection(images=(1, 2)))
    with project.database.transaction() as t:
        library.delete(t, [1])
    assert project.selections.get("pair") == Selection(images=(2,))
    with project.database.transaction() as t:
        library.delete(t, [2])
    with pytest.raises(UsageError, match="none of the images"):
        project.selections.get("pair")


def test_who_watches_hears_of_it(project: Project) -> None:
    """A selection that one person saves appears at the other."""
    pulse = Pulse(project.place)
    pulse.look()
    project.selections.save("pair", Selection(images=(1, 2)))
    change = pulse.look()
    pulse.close()
    assert change is not None
    assert "settings" in change.topics


@pytest.mark.parametrize("text", ["where = 3", 'images = "1-x"', 'where = "a"\nimages = "1"',
                                  'ids = "1"'])  # fmt: skip
def test_a_broken_file_is_told(project: Project, text: str) -> None:
    """Who edits the file by hand hears where it is wrong."""
    (project.place.folder / FILE_NAME).write_text(f"[selections.x]\n{text}\n")
    with pytest.raises(SettingsError, match=FILE_NAME):
        project.selections.listing()
