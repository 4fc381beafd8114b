"""Keeps the tests apart from this user's own settings and scripts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryobatch.project import Project
from tests.projects import make_project


@pytest.fixture(autouse=True)
def _no_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for settings and user's scripts in an empty folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Return a project with three micrographs."""
    with make_project(tmp_path / "project", 3) as made:
        yield made
