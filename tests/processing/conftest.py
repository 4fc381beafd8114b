"""Projects that the tests of processing work on."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cryobatch.project import Project
from tests import simple_scripts
from tests.projects import make_project

MakeProject = Callable[..., Project]


class OpenGate:
    """A gate that lets everybody through."""

    def enter(self, slot: int) -> bool:
        """Let it begin."""
        return slot >= 0

    def leave(self, slot: int) -> None:
        """Forget it."""

    def is_wanted(self) -> bool:
        """Tell that nobody waits."""
        return False


@pytest.fixture(autouse=True)
def _no_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests apart from this user's own settings and scripts."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    monkeypatch.setenv("CRYOBATCH_SITE", os.devnull)


@pytest.fixture(autouse=True)
def _tame_scripts() -> Iterator[None]:
    """Let every simple script succeed again afterwards."""
    yield
    simple_scripts.failing.clear()
    simple_scripts.defocus[0] = 1000.0


@pytest.fixture
def new_project(tmp_path: Path) -> Iterator[MakeProject]:
    """Return a function like ``make_project`` that closes what it made in the end."""
    made: list[Project] = []

    def make(images: int = 1, **options: object) -> Project:
        folder = tmp_path / f"project_{len(made)}"
        made.append(make_project(folder, images, **options))  # type: ignore[arg-type]  # passed on
        return made[-1]

    yield make
    for project in made:
        project.close()
