"""Images under a name, and given to other programs, by command."""

from collections.abc import Callable
from pathlib import Path

from cryobatch.project import Project
from tests.cli.command_line import Command
from tests.export.exported import add_results

MakeProject = Callable[[int], Project]


def test_a_saved_selection_is_used_by_every_command(command: Command, project: MakeProject) -> None:
    """``@NAME`` stands for images wherever these are named; the library shows it."""
    made = project(4)
    assert command("selection", "save", "mine", "--images", "2", "4").code == 0
    command("selection", "save", "late", "--where", "id > 2")
    assert [row["count"] for row in command("selection", "list", "--json").json] == [2, 2]
    shown = command("library", "--selection", "mine", "--where", "id > 2", "--json").json
    assert [row["id"] for row in shown] == [4]
    command("image", "flag", "red", "--images", "@mine")
    assert [row["flag"] for row in made.images.rows()] == [None, "red", None, "red"]
    command("selection", "rename", "mine", "yours")
    assert command("library", "--selection", "mine").code == 2
    command("selection", "remove", "yours")
    assert [row["name"] for row in command("selection", "list", "--json").json] == ["late"]


def test_images_are_exported(command: Command, project: MakeProject, tmp_path: Path) -> None:
    """Into the project's exports or any folder; what is left out is said, and is no failure."""
    made = project(2)
    add_results(made, 1)
    answer = command("export", "relion", "--all")
    assert answer.code == 0, answer.err
    assert "1 image" in answer.out
    assert "square/image_2" in answer.err
    assert (made.place.folder / "exports/relion/micrographs_ctf.star").is_file()
    assert "earlier export" in command("export", "relion", "--all").err
    again = command("export", "relion", "--all", "--replace", "--json").json
    assert (again["images"], list(again["left_out"])) == (1, ["square/image_2"])
    folder = tmp_path / "spa" / "import"
    assert command("export", "cryosparc", folder, "--images", "1").code == 0
    assert (folder / "import.txt").is_file()
    assert "nothing to export" in command("export", "cryosparc", "--images", "2").err


def test_a_table_is_written(command: Command, project: MakeProject, tmp_path: Path) -> None:
    """By the file's ending; what is there is not overwritten unasked."""
    project(2)
    file = tmp_path / "images.tsv"
    assert command("export", "table", file, "--all", "--columns", "id,name").code == 0
    assert file.read_text() == "id\tname\n1\timage_1\n2\timage_2\n"
    assert "there already" in command("export", "table", file, "--all").err
    assert command("export", "table", file, "--all", "--replace", "--format", "json").code == 0
    assert file.read_text().startswith("[")
    assert "ends with one of" in command("export", "table", tmp_path / "x.xls", "--all").err
