"""Stale marks are true whenever settings or scripts have changed, with a daemon or without."""

from dataclasses import replace
from pathlib import Path

import pytest

from cryobatch.project import Project
from tests.one_processor import OneProcessor
from tests.projects import MICROGRAPH_WORKFLOW, make_project, open_project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a project with one image whose workflow has run."""
    with make_project(tmp_path / "project", 1) as project:
        OneProcessor(project).run(1, *MICROGRAPH_WORKFLOW)
        project.note_checked()
    return tmp_path / "project"


def stale_after_look(project: Project) -> object:
    """Return what is stale once somebody has looked."""
    project.images.index(project.find_unchecked())
    project.note_checked()
    return project.images.rows()[0]["stale"]


def test_nothing_changed_is_no_work(folder: Path) -> None:
    """Opening the project again finds nothing to look through."""
    with open_project(folder) as project:
        assert project.find_unchecked() == ()


def test_changed_parameter(folder: Path) -> None:
    """A parameter in project.toml, changed while nobody worked, makes stale what uses it."""
    text = (folder / "project.toml").read_text()
    (folder / "project.toml").write_text(
        f'{text}\n[parameters.measure]\nreference = "library.db"\n'
    )
    with open_project(folder) as project:
        assert list(project.find_unchecked()) == [1]
        assert "measure" in str(stale_after_look(project))
        assert project.find_unchecked() == ()


def test_changed_group_file(folder: Path) -> None:
    """So does a group's file that was edited by hand."""
    (folder / "images" / "square" / "group.toml").write_text("[acquisition]\npixel_size = 1.7\n")
    with open_project(folder) as project:
        assert list(project.find_unchecked()) == [1]
        assert "measure" in str(stale_after_look(project))


def test_new_version_of_a_script(folder: Path) -> None:
    """A script that has changed meanwhile is seen."""
    with open_project(folder) as project:
        scripts = dict(project.catalog.scripts)
    scripts["judge"] = replace(scripts["judge"], version="another")
    with open_project(folder, scripts=scripts) as project:
        assert stale_after_look(project) == ["judge"]


def test_new_project_is_known(tmp_path: Path) -> None:
    """A new project's images need no look: nothing can be stale."""
    with Project.create(tmp_path / "new") as project:
        assert project.find_unchecked() == ()
