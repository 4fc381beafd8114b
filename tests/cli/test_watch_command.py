"""Watched folders are added, listed, scanned, stopped and forgotten by command."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command_line import Command
from tests.cli.test_queue_commands import MakeProject
from tests.recording_files import write_mrc


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a recording, an unfinished one and one of an odd name."""
    made = tmp_path / "microscope"
    made.mkdir()
    frame = np.arange(1, 257, dtype=np.float32).reshape(1, 16, 16)
    whole = write_mrc(made / "a.mrc", frame, pixel_size_angstrom=1.5).read_bytes()
    (made / "half.mrc").write_bytes(whole[:1500])
    (made / os.fsdecode(b"odd \xff\n.mrc")).write_bytes(whole)
    return made


def test_a_folder_is_added_scanned_and_reported(
    command: Command, project: MakeProject, folder: Path
) -> None:
    """Without a daemon ``watch scan`` takes in what is whole, and says what the others lack."""
    project(0)
    added = command("watch", "add", folder, "--scripts", "weigh", "--patience", 2)
    assert added.code == 0, added.err
    assert added.out == f"watching {folder} (number 1)\n"
    assert "no daemon" in added.err
    scanned = command("watch", "scan")
    assert "1 imported, 1 incomplete, 1 failed" in scanned.out
    assert [row["name"] for row in command("library", "--json").json] == ["a"]
    (batch,) = command("queue", "list", "--json").json
    assert batch["scripts"] == ["weigh"]
    (status,) = command("watch", "status", "--json").json
    assert (status["found"], status["settling"], status["state"]) == (3, 0, "no daemon")
    assert [row["path"] for row in status["incomplete_files"]] == [str(folder / "half.mrc")]
    assert "bytes are there" in status["incomplete_files"][0]["reason"]
    assert "UTF-8" in status["failed_files"][0]["reason"]
    text = command("watch", "status", "--limit", 0).out
    assert text.count("... and 1 file more") == 2
    assert "incomplete: half.mrc: " in command("watch", "status", 1).out


def test_orders_are_listed_and_given_anew(
    command: Command, project: MakeProject, folder: Path, tmp_path: Path
) -> None:
    """Who adds a folder again changes what is done with its recordings, and it keeps its number."""
    project(0)
    command("watch", "add", folder, "--scripts", "weigh", "--top", "--pixel-size", 1.1)
    command("watch", "add", tmp_path / "later", "--copy", "--rate", 50, "--no-submit")
    again = command(
        "watch", "add", folder, "--scripts", "weigh", "--first-now", "--set",
        "weigh.factor=2", "--include", "*.mrc", "--ignore", "old", "--ignore", "*/bad/*",
    )  # fmt: skip
    assert again.out.endswith("(number 1)\n")
    first, second = command("watch", "list", "--json").json
    assert (first["scripts"], first["place"], first["facts"]) == (["weigh"], "first on top", {})
    assert first["parameters"] == {"weigh": {"factor": 2.0}}
    assert (first["include"], first["ignore"]) == (["*.mrc"], ["old", "*/bad/*"])
    assert (second["take"], second["rate_mb_s"], second["place"]) == ("copy", 50.0, "not queued")
    assert str(folder) in command("watch", "list").out


def test_folders_are_stopped_started_and_removed(
    command: Command, project: MakeProject, folder: Path
) -> None:
    """By number or path; an unknown one is told with those that there are."""
    project(0)
    assert "no folder is watched" in command("watch", "list").out
    command("watch", "add", folder)
    assert command("watch", "stop", 1).out == f"stopped: {folder}\n"
    assert command("watch", "list", "--json").json[0]["state"] == "stopped"
    assert command("watch", "start", folder).out == f"started: {folder}\n"
    assert command("watch", "list", "--json").json[0]["active"]
    unknown = command("watch", "status", 7)
    assert (unknown.code, str(folder) in unknown.err) == (1, True)
    assert command("watch", "remove", 1).out == f"watched no more: {folder}\n"
    assert command("watch", "list", "--json").json == []
    assert "no folder is watched" in command("watch", "status").out


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--copy", "--move"), "either --copy or --move"),
        (("--rate", "5"), "--rate is for copies"),
        (("--top", "--first-now"), "either --top or --first-now"),
        (("--workflow", "nonsense"), "nonsense"),
        (("--scripts", "unpack,pick_particles"), "pick_particles needs micrograph"),
        (("--scripts", "fit_ctf", "--set", "pick_particles.diameter=90"), "not among the chosen"),
    ],
)
def test_orders_that_contradict_each_other_are_refused(
    command: Command, project: MakeProject, folder: Path, options: tuple[str, ...], text: str
) -> None:
    """Before anything is watched."""
    project(0)
    answer = command("watch", "add", folder, *options)
    assert answer.code == 2
    assert text in answer.err
    assert command("watch", "list", "--json").json == []


def test_what_cannot_be_watched_is_refused(
    command: Command, project: MakeProject, folder: Path
) -> None:
    """A file, and the project's own images."""
    made = project(1)
    assert "is no folder" in command("watch", "add", folder / "a.mrc").err
    assert "has made" in command("watch", "add", made.place.images / "square").err
