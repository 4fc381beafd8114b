"""Commands work the queue to its end, and show what was done."""

import csv
import fcntl
import io
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np

from tests.cli.command_line import Command
from tests.cli.test_queue_commands import MakeProject
from tests.recording_files import write_mrc

CRYOBATCH = (sys.executable, "-c", "from cryobatch.cli.main import main; main()")


def test_three_commands_lead_from_files_to_values(
    command: Command, project: MakeProject, tmp_path: Path
) -> None:
    """Recordings are imported, worked on and listed with what was calculated."""
    project(0)
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    for name in ("a", "b"):
        frame = np.full((1, 16, 16), ord(name), np.float32)
        write_mrc(recordings / f"{name}.mrc", frame, pixel_size_angstrom=1.5)
    (recordings / "notes.txt").write_text("no recording")
    imported = command("import", recordings, "--scripts", "weigh", "--json").json
    assert (len(imported["images"]), len(imported["batches"])) == (2, 2)
    assert imported["ignored"] == 1
    assert command("import", recordings, "--scripts", "weigh", "--json").json["known"] == 2
    done = command("run", "--processors", 1)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == "2 batches done, 0 failed"
    library = command("library", "--json").json
    assert [(row["name"], row["state"], row["weight"]) for row in library] == [
        ("a", "done", 12), ("b", "done", 12),
    ]  # fmt: skip
    rows = command("log", "--json", "--script", "weigh").json
    assert [row["image"] for row in rows if row["text"].startswith("done")] == ["a", "b"]
    assert {"time", "processor", "image", "batch", "script", "level", "text"} <= set(rows[0])
    printed = command("log", "--csv", "-", "--script", "weigh").out
    assert len(list(csv.DictReader(io.StringIO(printed)))) == len(rows)


def test_a_failed_batch_is_named(command: Command, project: MakeProject) -> None:
    """``run`` ends with 1, tells which image failed and why, and the log shows it."""
    made = project(2)
    script = made.place.scripts / "weigh.sh"
    text = script.read_text().replace('echo "weighing"', "exit 3")
    script.write_text(text)
    command("submit", "--images", 2, "--scripts", "weigh")
    answer = command("run", "--processors", 1)
    assert answer.code == 1
    assert "square/image_2 (batch 1) failed: weigh: " in answer.err
    shown = command("log", "--level", "error", "--json").json
    assert [row["script"] for row in shown] == ["weigh"]
    assert command("queue", "retry").out == "1 batch queued\n"


def test_a_batch_that_cannot_begin_is_named_without_a_script(
    command: Command, project: MakeProject
) -> None:
    """``run`` says why, and no script is blamed."""
    made = project(1)
    command("submit", "--all", "--scripts", "weigh")
    (made.place.scripts / "weigh.sh").unlink()
    answer = command("run", "--processors", 1)
    assert answer.code == 1
    assert "square/image_1 (batch 1) failed: no script is called 'weigh'" in answer.err


def test_serve_ends_cleanly_and_obeys_while_it_runs(command: Command, project: MakeProject) -> None:
    """What is typed while it serves takes effect; SIGTERM ends it, and nothing is left behind."""
    made = project(1)
    serving = subprocess.Popen(
        [*CRYOBATCH, "serve", "--processors", "1"], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "CRYOBATCH_PROJECT": str(made.place.folder)},
    )  # fmt: skip
    try:
        wait_for(command, lambda: processor_states(command) == ["idle"])
        busy = command("run")
        assert (busy.code, "cryobatch serve" in busy.err) == (1, True)
        assert command("processors", "set", 2).code == 0
        wait_for(command, lambda: processor_states(command) == ["idle", "idle"])
        command("submit", "--all", "--scripts", "weigh")
        wait_for(command, lambda: command("library", "--json").json[0]["state"] == "done")
        assert command("processors", "kill", "local-9").code == 1
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(30) == 0
        assert processor_states(command) == []
    finally:
        serving.kill()
        serving.communicate()


def test_without_a_daemon_processors_are_none(command: Command, project: MakeProject) -> None:
    """The listing says how to start some, and a wish that nobody hears is told."""
    project(0)
    assert "cryobatch run" in command("processors").out
    assert command("processors", "--json").json == []
    assert command("processors", "set", 2).code == 1
    assert command("processors", "kill").code == 2


def test_a_terminal_shows_the_work_as_it_goes(command: Command, project: MakeProject) -> None:
    """On a terminal ``run`` draws processors, rate and what remains; listings have colours."""
    made = project(3)
    command("submit", "--all", "--scripts", "weigh")
    code, shown = on_terminal(made.place.folder, "run", "--processors", "1")
    assert code == 0
    for word in ("processor", "local-1", "waiting", "images an hour", "3 batches done"):
        assert word in shown, word
    code, shown = on_terminal(made.place.folder, "library")
    assert (code, shown.count("\x1b[32mdone")) == (0, 3)


def on_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a command on a terminal of its own; returns its exit code and what it showed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    process = subprocess.Popen(
        [*CRYOBATCH, *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "CRYOBATCH_PROJECT": str(folder), "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while piece := _read_terminal(ours):
            shown += piece
        return process.wait(60), shown.decode()
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read_terminal(terminal: int) -> bytes:
    """Read what there is; nothing when nobody has the terminal any more."""
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says EIO at the end
        return b""


def processor_states(command: Command) -> list[str]:
    """Return what the processors do."""
    return [row["state"] for row in command("processors", "--json").json]


def wait_for(command: Command, condition: object, timeout_s: float = 60) -> None:
    """Wait until a condition holds."""
    assert callable(condition)
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, command("log", "--limit", 20).out
        time.sleep(0.05)
