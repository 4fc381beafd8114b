"""The command line starts quickly, ends with the right code, and says what to do."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cryobatch.cli.app import COMMANDS
from cryobatch.cli.arguments import normalise
from tests.cli.command_line import Command
from tests.cli.test_queue_commands import MakeProject
from tests.recording_files import write_mrc


def test_the_help_names_every_command(command: Command) -> None:
    """The help lists all commands, each of which has help of its own."""
    shown = command("--help")
    assert shown.code == 0
    for name in COMMANDS:
        assert f"  {name} " in shown.out
        assert command(name, "--help").code == 0


def test_the_help_loads_no_command_and_no_arrays() -> None:
    """What is not needed for the help is not imported for it."""
    code = (
        "import sys; sys.argv = ['cryobatch', '--help']\n"
        "from cryobatch.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'rich', 'sqlite3', 'cryobatch.project', 'cryobatch.cli.queue'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_wrong_usage_ends_with_2(command: Command, tmp_path: Path) -> None:
    """An unknown command or option is wrong usage, and the nearest name is told."""
    unknown = command("quue")
    assert (unknown.code, "known: queue" in unknown.err) == (2, True)
    assert command("queue", "mvoe").code == 2
    assert command("new").code == 2
    assert command("library", "--nothing").code == 2


def test_a_failure_ends_with_1_and_the_way_out(command: Command, tmp_path: Path) -> None:
    """Outside of a project a command says how to get into one, without a traceback."""
    answer = command("--project", tmp_path, "queue", "list")
    assert answer.code == 1
    assert "--project DIR" in answer.err
    assert "Traceback" not in answer.err


def test_an_error_of_several_lines_is_seen_to_be_one(
    command: Command, project: MakeProject, tmp_path: Path
) -> None:
    """Further lines stand below the first one's text."""
    project(0)
    frame = np.full((4, 16, 16), 7, np.float32)
    write_mrc(tmp_path / "a.mrc", frame, pixel_size_angstrom=1.5)
    first, *others = command(
        "import", tmp_path / "a.mrc", "--scripts", "unpack,correct_drift"
    ).err.splitlines()
    assert first.startswith("cryobatch: ")
    (second,) = others
    assert second.startswith(" " * len("cryobatch: "))
    assert "--dose-per-frame" in first
    assert "--voltage" in second


def test_the_version_is_told(command: Command) -> None:
    """The version is there without a project."""
    assert command("--version").out.startswith("cryobatch 0.")


@pytest.mark.parametrize("noun", ["queue", "image", "watch", "export"])
def test_no_line_of_a_help_is_cut_off(command: Command, noun: str) -> None:
    """What a command does is told to the end, whatever the width."""
    lines = command(noun, "--help").out.split("Commands:")[1]
    assert "..." not in lines


def test_a_closed_pipe_is_no_traceback() -> None:
    """Output into a pipe that nobody reads any more ends quietly."""
    code = "from cryobatch.cli.main import main; main()"
    line = f'"{sys.executable}" -c "{code}" scripts list --json | true'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        (["queue", "list", "--project", "p"], ["--project", "p", "queue", "list"]),
        (["log", "--project=p"], ["--project=p", "log"]),
        (["--", "--project", "p"], ["--", "--project", "p"]),
        (["submit", "--images", "1", "2-4", "--top"],
         ["submit", "--images", "1", "--images", "2-4", "--top"]),
        (["submit", "--images", "a", "--images", "1"],
         ["submit", "--images", "a", "--images", "1"]),
        (["submit", "--images", "May08", "m_2", "5", "--top"],
         ["submit", "--images", "May08", "--images", "m_2", "--images", "5", "--top"]),
        (["image", "set", "cs=2", "--images", "1", "x=3"],
         ["image", "set", "cs=2", "--images", "1", "x=3"]),
    ],
)  # fmt: skip
def test_arguments_may_stand_as_people_type_them(typed: list[str], understood: list[str]) -> None:
    """The project may be named anywhere, and several ids follow one option."""
    assert normalise(typed) == understood
