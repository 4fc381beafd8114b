"""Parameters in settings' files that no script takes are told, each with its file."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cryobatch.errors import SettingsError
from cryobatch.processing.catalog import Catalog
from cryobatch.project import Project, Selection
from cryobatch.project.submission import Choice
from tests.one_processor import OneProcessor
from tests.projects import make_project, open_project
from tests.simple_scripts import simple_scripts

ALL = Selection(everything=True)
PICK = Choice(scripts=("pick",))
UNKNOWN = "[parameters.pikc]\ndiameter = 90\n"
WRONG = "[parameters.pick]\ndiameter = -1\n"
Reopen = Callable[[str, str], Project]


def find_file(project: Project, level: str) -> Path:
    """Return the file that gives parameters at a level."""
    group = project.place.images / "square"
    return {
        "site": project.place.folder.parent / "site.toml",
        "project": project.place.settings,
        "group": group / "group.toml",
        "image": group / "image_1" / "image.toml",
    }[level]


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Reopen]:
    """Return a function that writes into a level's file by hand, and opens the project again."""
    make_project(tmp_path / "project", 1).close()
    opened: list[Project] = []

    def write(level: str, text: str) -> Project:
        with open_project(tmp_path / "project") as project:
            path = find_file(project, level)
        path.write_text(f"{path.read_text() if path.exists() else ''}\n{text}")
        opened.append(open_project(tmp_path / "project"))
        return opened[-1]

    yield write
    for project in opened:
        project.close()


@pytest.mark.parametrize("level", ["site", "project", "group", "image"])
def test_an_image_that_fails_by_a_parameter_names_its_file(reopen: Reopen, level: str) -> None:
    """Also the table in it and the way out; what was written by hand is found by hand."""
    project = reopen(level, WRONG)
    reason = OneProcessor(project).run(1, "pick").failures["pick"]
    assert "pick.diameter = -1" in reason
    file = find_file(project, level)
    where = file if level == "site" else file.relative_to(project.place.folder)
    assert reason.endswith(f"; correct [parameters.pick] in {where}")


@pytest.mark.parametrize("text", [WRONG, "[parameters.pick]\ndiametre = 90\n"])
@pytest.mark.parametrize("level", ["site", "project"])
def test_what_would_fail_every_image_is_not_submitted(
    reopen: Reopen, level: str, text: str
) -> None:
    """The error names file and table."""
    project = reopen(level, text)
    file = find_file(project, level)
    for act in (lambda: project.submit(ALL, PICK), lambda: project.import_recordings([])):
        with pytest.raises(SettingsError, match=rf"^{file}: \[parameters\.pick\]: .*diamet"):
            act()
    [fault] = project.find_parameter_faults()
    assert fault.text.startswith(f"{file}: [parameters.pick]: ")
    assert not fault.is_doubtful


def test_a_sites_script_that_is_not_here_hinders_nobody(reopen: Reopen) -> None:
    """Another project may have it; it is told with the nearest name, as it may be a slip."""
    project = reopen("site", UNKNOWN)
    assert len(project.submit(ALL, PICK).batches) == 1
    [fault] = project.find_parameter_faults()
    assert fault.is_doubtful
    assert f"{find_file(project, 'site')}: [parameters.pikc]: no script" in fault.text
    assert "'pikc'; known: pick, " in fault.text
    assert "unless another project has this script" in fault.text


def test_a_projects_own_script_in_place_of_the_sites_is_told(reopen: Reopen) -> None:
    """Its owner cannot correct the site's file, but can give the script another name."""
    project = reopen("site", "[parameters.pick]\nradius = 9\n")
    scripts = simple_scripts()
    own = replace(scripts["pick"], origin="project", place="scripts/pick.py")
    project.catalog = Catalog({**scripts, "pick": own})
    with pytest.raises(SettingsError, match=r"the project's own \(scripts/pick\.py\).*other name"):
        project.submit(ALL, PICK)


@pytest.mark.parametrize("text", [UNKNOWN, WRONG, "[", "[acquisition]\nvolts = 300\n"])
def test_a_groups_file_is_looked_at(reopen: Reopen, text: str) -> None:
    """It concerns the images of the group alone: others are submitted."""
    project = reopen("group", text)
    [fault] = project.find_parameter_faults()
    assert fault.text.startswith(f"{find_file(project, 'group')}: ")
    assert not fault.is_doubtful
    assert len(project.submit(ALL, PICK).batches) == 1


def test_files_that_mean_something_have_no_faults(reopen: Reopen) -> None:
    """At every level."""
    for level in ("site", "project", "group"):
        project = reopen(level, "[parameters.pick]\ndiameter = 90\n")
    assert project.find_parameter_faults() == []
