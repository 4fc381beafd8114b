"""The examples of docs/scripts.md work as they are printed."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cryobatch.formats.mrc import write_image
from cryobatch.project import Project
from tests.one_processor import OneProcessor
from tests.projects import make_project

TEXT = Path(__file__).resolve().parents[2] / "docs" / "scripts.md"
PICKER = """#!/bin/bash
# /// cryobatch
# category = "Pick Particles"
# inputs = ["micrograph"]
# outputs = {particles = "particles.star"}
# ///
printf '%s\\n' '1.0 1.0 1 0.0 0.9' '3.0 1.0 1 0.0 0.6' '2.0 1.0 1 0.0 0.1' > "$(python3 -c '
import json, os
print(json.load(open(os.environ["CRYOBATCH_RUN"]))["outputs"]["particles"])')"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Make a project with a micrograph of two halves, the two examples and a picker."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    project = make_project(tmp_path / "project", 1, scripts={})
    text = TEXT.read_text(encoding="utf-8")
    for name, language in (("local_contrast.py", "python"), ("good_picks.sh", "sh")):
        match = re.search(rf"`scripts/{name}`:\n\n```{language}\n(.*?)```", text, re.DOTALL)
        assert match is not None
        (project.place.scripts / name).write_text(match[1])
        (project.place.scripts / name).chmod(0o755)
    (project.place.scripts / "picker.sh").write_text(PICKER)
    (project.place.scripts / "picker.sh").chmod(0o755)
    image = np.full((400, 400), 100, np.float32)
    image[:, 200:] = 120
    write_image(project.images.folder(1) / "recording.mrc", image, 1.5)
    project.close()
    with Project.open(tmp_path / "project") as reopened:
        assert reopened.catalog.problems == ()
        yield reopened


def test_the_python_example_measures_a_micrograph(project: Project) -> None:
    """Blocks of two brightnesses differ by what they should, also from the median."""
    told = OneProcessor(project).run(
        1,
        "local_contrast",
        parameters={"local_contrast": {"keep_map": True}},
        medians={"local_contrast": 5.0},
    )
    assert told.failures == {}
    values = project.images.record(1).all_values()
    assert values["local_contrast"] == pytest.approx(100 / 11, rel=1e-5)
    assert values["local_contrast_change"] == pytest.approx(2000 / 11 - 100, rel=1e-5)
    assert (project.images.folder(1) / "contrast_map.mrc").exists()


def test_the_shell_example_lists_the_good_picks(project: Project) -> None:
    """Of three picks it lists the two that score enough."""
    told = OneProcessor(project).run(1, "picker", "good_picks")
    assert told.failures == {}
    assert project.images.record(1).all_values()["good_pick_count"] == 2
    listed = (project.images.folder(1) / "good_picks.txt").read_text()
    assert listed.splitlines() == ["1.0 1.0 0.9", "3.0 1.0 0.6"]
