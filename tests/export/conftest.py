"""A project with movies that have results."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryobatch.project import Project
from tests.export.exported import FACTS, add_results
from tests.projects import add_images, make_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Return a project with three movies in two optics groups, and a fourth without results."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    with make_project(tmp_path / "project", 3, root="movie") as made:
        add_images(made, 1, root="movie", facts=FACTS)
        for image_id, group in ((1, 2), (2, 5), (3, 2)):
            add_results(made, image_id, optics_group=group)
        yield made
