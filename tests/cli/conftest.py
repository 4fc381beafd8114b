"""Commands to test, run as they are typed."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cryobatch.cli.main import main
from cryobatch.project import Project
from tests.cli.command_line import Answer, Command
from tests.projects import make_project

WEIGH = """#!/bin/bash
# /// cryobatch
# title = "Weigh"
# category = "Calculate Statistics"
# help = "Tell how many bytes a recording has."
# inputs = ["micrograph"]
# values.weight = {unit = "bytes", low = 0, help = "Size of the file."}
# parameters.factor = {type = "float", default = 1.0, low = 0, high = 10, unit = "g"}
# reads = ["pixel_size"]
# ///
echo "weighing"
echo "::value weight 12"
"""


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Return a function that runs one command in this process."""
    before = signal.getsignal(signal.SIGINT)

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["cryobatch", *(str(one) for one in arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Answer(code, captured.out, captured.err)

    yield run
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Project]]:
    """Return a function that makes a project with so many images and one script, ``weigh``."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    made: list[Project] = []

    def make(images: int) -> Project:
        project = make_project(tmp_path / "project", images, scripts={})
        script = project.place.scripts / "weigh.sh"
        script.write_text(WEIGH)
        script.chmod(0o755)
        monkeypatch.setenv("CRYOBATCH_PROJECT", str(project.place.folder))
        made.append(project)
        return project

    yield make
    for project in made:
        project.close()
