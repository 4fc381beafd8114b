"""The log at the command line: filtered, sorted, followed, exported."""

import csv
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cryobatch.model.batch import BEFORE_SCRIPTS
from cryobatch.model.event import Level, LogEntry
from cryobatch.project import Project
from cryobatch.store import log
from tests.cli.command_line import Command
from tests.cli.test_queue_commands import MakeProject

CRYOBATCH = (sys.executable, "-c", "from cryobatch.cli.main import main; main()")


def write(project: Project, *entries: LogEntry) -> None:
    """Write rows."""
    with project.database.transaction() as t:
        log.append(t, entries)


def fill(project: Project) -> None:
    """Write three rows."""
    write(
        project,
        LogEntry(1000.0, "begun", processor="local-1", image_id=1, batch=1),
        LogEntry(2000.0, "odd\nthing", Level.WARNING, "local-2", 1, 1, "weigh"),
        LogEntry(time.time(), "Å, failed", Level.ERROR, "local-1", 2, 2, "weigh"),
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [1, 2, 3]),
        (("--limit", "2"), [2, 3]),
        (("--level", "warning"), [2, 3]),
        (("--level", "error"), [3]),
        (("--image", "image_1"), [1, 2]),
        (("--processor", "local-1"), [1, 3]),
        (("--batch", "2"), [3]),
        (("--script", "weigh"), [2, 3]),
        (("--text", "FAILED"), [3]),
        (("--since", "1h"), [3]),
        (("--since", "1970-01-01T00:20:00+00:00", "--until", "1970-01-02"), [2]),
        (("--sort", "-time"), [3, 2, 1]),
        (("--sort", "processor"), [1, 3, 2]),
        (("--sort", "-level", "--limit", "1"), [3]),
    ],
)
def test_rows_are_chosen_and_sorted(
    command: Command, project: MakeProject, arguments: tuple[str, ...], expected: list[int]
) -> None:
    """Every filter and every order is there."""
    fill(project(2))
    assert [row["id"] for row in command("log", "--json", *arguments).json] == expected


def test_one_row_is_one_line(command: Command, project: MakeProject) -> None:
    """A text with line breaks does not break the table."""
    fill(project(2))
    assert len(command("log").out.splitlines()) == 4
    assert "odd thing" in command("log").out


def test_what_no_script_said_has_no_script(command: Command, project: MakeProject) -> None:
    """A batch that could not begin is shown without a script; what was stored is exported."""
    reason = "Fit needs a stack"
    entry = LogEntry(1000.0, reason, Level.ERROR, "local-1", 1, 1, BEFORE_SCRIPTS)
    write(project(1), entry)
    shown = command("log").out.splitlines()[1]
    assert reason in shown
    assert BEFORE_SCRIPTS not in shown
    assert command("log", "--json").json[0]["script"] == BEFORE_SCRIPTS


@pytest.mark.parametrize(
    "arguments",
    [("--sort", "text"), ("--since", "soon"), ("--level", "bad"), ("--follow", "--csv", "x")],
)
def test_mistakes_are_wrong_usage(
    command: Command, project: MakeProject, arguments: tuple[str, ...]
) -> None:
    """What cannot be meant is refused."""
    project(0)
    assert command("log", *arguments).code == 2


def test_the_export_holds_every_row(command: Command, project: MakeProject, tmp_path: Path) -> None:
    """The CSV file has a header and the texts as they are, line breaks too."""
    fill(project(2))
    path = tmp_path / "log.csv"
    assert command("log", "--csv", path).code == 0
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == ["begun", "odd\nthing", "Å, failed"]
    assert rows[0]["image"] == "image_1"
    assert command("log", "--csv", tmp_path / "nowhere" / "log.csv").code == 1


def test_a_csv_that_nobody_reads_to_the_end_is_no_trouble(project: MakeProject) -> None:
    """``log --csv - | head`` ends as quietly as ``log | head``."""
    made = project(1)
    write(made, *(LogEntry(float(n), "a text of some length" * 9) for n in range(2000)))
    line = f"{shlex.join(map(str, CRYOBATCH))} log --csv - | head -n 1"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=True,
        env={**os.environ, "CRYOBATCH_PROJECT": str(made.place.folder)},
    )  # fmt: skip
    assert (done.stdout.startswith("time,"), done.stderr) == (True, "")


def test_following_shows_what_is_added(project: MakeProject) -> None:
    """New rows appear as they are written, each once; Ctrl-C ends it with 130."""
    made = project(1)
    fill(made)
    following = subprocess.Popen(
        [*CRYOBATCH, "log", "--follow", "--json", "--level", "error"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "CRYOBATCH_PROJECT": str(made.place.folder), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["id"] == 3
        write(made, LogEntry(5.0, "quiet"), LogEntry(6.0, "new", Level.ERROR))
        assert json.loads(following.stdout.readline())["text"] == "new"
        following.send_signal(2)
        _, err = following.communicate(timeout=30)
        assert (following.returncode, err) == (130, "")
    finally:
        following.kill()
        following.communicate()
