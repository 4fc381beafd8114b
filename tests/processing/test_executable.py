"""Executables of any language: what they are given, what they say, and how they end."""

import json
import re
import select
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from cryobatch.model import Absent
from cryobatch.processing.catalog import discover
from cryobatch.processing.image_folder import read_record
from cryobatch.processing.local import LocalProcessor
from cryobatch.processing.processors import Message
from cryobatch.project import Project, Selection
from tests.one_processor import OneProcessor, Told, commit
from tests.projects import add_images, make_project

HEADER = """#!/bin/bash
# /// cryobatch
# category = "Share"
# inputs = ["micrograph"]
# outputs = {report = "report.txt"}
# values.length = {unit = "Å", low = 0, high = 10}
# values.note = {kind = "text", optional = true}
# parameters.shift = {type = "float", default = 1.5}
# parameters.mask = {type = "file"}
# reads = ["pixel_size", "cs?"]
# medians = ["length"]
# ///
write() { echo fine > "$(python3 -c 'import json, os
print(json.load(open(os.environ["CRYOBATCH_RUN"]))["outputs"]["report"])')"; }
good() { write; echo "::value length 5"; echo "::absent note nothing to say"; }
"""
BODIES = {
    "good": "good; echo to the log; echo to the error log >&2; printf 'no line end'",
    "describes": 'good; cp "$CRYOBATCH_RUN" "$(dirname "$0")/../run.json"; pwd',
    "text_number": 'write; echo "::value length 5.5"; echo "::value note 007"',
    "speaks": 'good; echo "::progress 0.25"; echo "::message all is well"; '
    'echo "::tool ctffind 4.1.14"',
    "mute": 'write; echo "::value length 5"',
    "far": 'write; echo "::value length 50"; echo "::absent note x"',
    "stutters": 'good; echo "::vlaue length 5"; sleep 1000',
    "half_spoken": 'good; echo "::value length"',
    "no_progress": 'good; echo "::progress much"',
    "gives_up": "good; exit 7",
    "complains": 'echo "no such gain: g.mrc" >&2; echo; good; exit 3',
    "shot": "good; kill -KILL $$",
    "crashes": "good; kill -SEGV $$",
    "forgets": 'echo "::value length 5"; echo "::absent note x"',
    "leaves_children": 'sleep 1000 & echo "::message $!"; (setsid sleep 1000 & echo '
    '"::message $!"); good',
    "latin": "good; printf 'caf\\xe9 \\xff\\n'",
    "writes_here": 'echo here > report.txt; echo "::value length 5"; echo "::absent note x"',
    "undeclared": 'good; echo "::value size 3"',
}
PYTHON = """
import sys
from pathlib import Path
from typing import Annotated
import cryobatch

print("imported in", __name__)

@cryobatch.script(category="Share", values={"letters": cryobatch.Value(kind="int")})
def in_python(run, *, text: Annotated[Path | None, cryobatch.Parameter()] = None):
    print("reads", text, file=sys.stderr)
    return {"letters": len(text.read_text()) if text else 0}
"""


class RealProcessor:
    """A processor in a process of its own, with a daemon that commits and nothing else."""

    def __init__(self, project: Project) -> None:
        """Start the process."""
        self._one = OneProcessor(project)
        self._heard: deque[Message] = deque()
        self._local = LocalProcessor(
            self._one.setup(), mark=f"test-{uuid4()}", environment={}, on_end=lambda _: None
        )
        assert self._receive()["event"] == "up"

    def run(self, image: int, *scripts: str) -> Told:
        """Work through one batch."""
        order = self._one.order(image, *scripts)
        self._local.hand([order])
        told = Told()
        while not told.messages or not self._is_end(told):
            message = self._receive()
            told.messages.append(message)
            if message["event"] == "script_done":
                answer = commit(Path(order.image_folder), message)
                if not message["last"]:
                    self._local.send(answer)
        return told

    def end(self) -> None:
        """End the process."""
        self._local.end()

    def _is_end(self, told: Told) -> bool:
        last = told.messages[-1]
        return last["event"] in {"done", "batch_failed"} or bool(last.get("last"))

    def _receive(self) -> dict[str, object]:
        while not self._heard:
            ready, _, _ = select.select([self._local], [], [], 30)
            assert ready, "the processor says nothing"
            said, gone = self._local.hear()
            assert not gone, "the processor is gone"
            self._heard.extend(said)
        return dict(self._heard.popleft())


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project whose scripts are executables."""
    folder = tmp_path_factory.mktemp("laboratory") / "project"
    project = make_project(folder, scripts={})
    for name, body in BODIES.items():
        path = project.place.scripts / f"{name}.sh"
        path.write_text(f"{HEADER}{body}\n")
        path.chmod(0o755)
    (project.place.scripts / "in_python.py").write_text(PYTHON)
    project.catalog = discover([("project", project.place.scripts)])
    yield project
    project.close()


@pytest.fixture(scope="module")
def processor(laboratory: Project) -> Iterator[RealProcessor]:
    """Return one processor for all tests: it lives through all of their failures."""
    real = RealProcessor(laboratory)
    yield real
    real.end()


@pytest.fixture
def image(laboratory: Project) -> int:
    """Return a new image."""
    return add_images(laboratory, 1)[0]


def log_of(laboratory: Project, image: int, script: str) -> bytes:
    """Return what stands in a script's log."""
    return (laboratory.images.folder(image) / "logs" / f"{script}.log").read_bytes()


def test_what_it_says_becomes_values(
    laboratory: Project, processor: RealProcessor, image: int
) -> None:
    """Products, values and absences are committed; all output is in the log, byte for byte."""
    assert processor.run(image, "good").failures == {}
    folder = laboratory.images.folder(image)
    record = read_record(folder)
    assert record.values["good"] == {"length": 5.0, "note": Absent("nothing to say")}
    assert (folder / "report.txt").read_text() == "fine\n"
    log = log_of(laboratory, image, "good")
    assert b"to the log\n" in log
    assert b"to the error log\n" in log
    assert log.endswith(b"no line end")
    assert b"::value length 5\n" in log


def test_it_is_given_all_that_it_declared(
    laboratory: Project, processor: RealProcessor, image: int
) -> None:
    """In a JSON file: inputs, outputs, parameters, facts, values, medians, threads."""
    folder = laboratory.images.folder(image)
    laboratory.images.update(Selection(images=(image,)), lambda record: record)
    mask = laboratory.place.folder / "mask.mrc"
    mask.write_text("mask")
    path = folder / "image.toml"
    path.write_text(path.read_text() + '\n[parameters.describes]\nmask = "mask.mrc"\n')
    assert processor.run(image, "describes").failures == {}
    given = json.loads((laboratory.place.folder / "run.json").read_text())
    assert given["inputs"] == {"micrograph": str(folder / "recording.mrc")}
    assert given["parameters"] == {"shift": 1.5, "mask": str(mask)}
    assert given["acquisition"] == {"pixel_size": 1.5, "cs": None}
    assert given["resources"]["threads"] == 1
    assert Path(given["outputs"]["report"]).name == "report.txt"
    assert (
        log_of(laboratory, image, "describes")
        .decode()
        .strip()
        .endswith(given["resources"]["workspace"])
    )


def test_a_text_may_look_like_a_number(
    laboratory: Project, processor: RealProcessor, image: int
) -> None:
    """The declaration says what a word is, not its letters."""
    assert processor.run(image, "text_number").failures == {}
    values = read_record(laboratory.images.folder(image)).values["text_number"]
    assert values == {"length": 5.5, "note": "007"}


def test_progress_messages_and_tools_are_heard(
    laboratory: Project, processor: RealProcessor, image: int
) -> None:
    """While it works; the tools' versions stand in the record."""
    told = processor.run(image, "speaks")
    assert [m["fraction"] for m in told.messages if m["event"] == "progress"] == [0.25]
    assert [m["text"] for m in told.messages if m["event"] == "message"] == ["all is well"]
    run = read_record(laboratory.images.folder(image)).runs["speaks"]
    assert run.tools["ctffind"] == "4.1.14"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("mute", "mute did not give its value note"),
        ("far", r"far\.length = 50 Å is outside 0 to 10 Å"),
        ("stutters", "cannot understand '::vlaue length 5': write ::progress"),
        ("half_spoken", "cannot understand '::value length'"),
        ("no_progress", "'much' is no number"),
        ("gives_up", "gives_up ended with exit code 7; see its log"),
        ("complains", r"complains ended with exit code 3: no such gain: g.mrc \(all that it said"),
        ("shot", r"shot was killed by signal 9 \(SIGKILL\); the kernel.*memory runs out"),
        ("crashes", r"crashes was killed by signal 11 \(SIGSEGV\)$"),
        ("forgets", "its output report .* was not written"),
        ("undeclared", "undeclared gave size, which it does not declare"),
    ],
)
def test_a_bad_end_is_told_in_words(
    laboratory: Project, processor: RealProcessor, image: int, script: str, reason: str
) -> None:
    """The script has failed, with the reason also in its log, and left no results."""
    told = processor.run(image, script)
    assert list(told.failures) == [script]
    assert re.search(reason, told.failures[script])
    folder = laboratory.images.folder(image)
    assert read_record(folder).runs == {}
    assert not (folder / "report.txt").exists()
    assert b"FAILED: " in log_of(laboratory, image, script)


def test_children_that_it_left_are_ended(processor: RealProcessor, image: int) -> None:
    """Also those that keep its output open, and those that made a session of their own."""
    told = processor.run(image, "leaves_children")
    assert told.failures == {}
    children = [int(str(m["text"])) for m in told.messages if m["event"] == "message"]
    assert len(children) == 2
    assert not [child for child in children if psutil.pid_exists(child)]


def test_output_that_is_no_text_is_kept_and_harms_nobody(
    laboratory: Project, processor: RealProcessor, image: int
) -> None:
    """The log holds the bytes."""
    assert processor.run(image, "latin").failures == {}
    assert b"caf\xe9 \xff\n" in log_of(laboratory, image, "latin")


def test_a_laboratorys_python_runs_in_the_processor(
    laboratory: Project, processor: RealProcessor, image: int
) -> None:
    """Its file parameters are paths; what it prints, at its import too, is in its log."""
    (laboratory.place.folder / "text.txt").write_text("seven77")
    path = laboratory.images.folder(image) / "image.toml"
    path.write_text(path.read_text() + '\n[parameters.in_python]\ntext = "text.txt"\n')
    assert processor.run(image, "in_python").failures == {}
    record = read_record(laboratory.images.folder(image))
    assert record.values["in_python"] == {"letters": 7}
    assert record.runs["in_python"].version.startswith("1-")
    log = log_of(laboratory, image, "in_python").decode()
    assert "imported in" in log
    assert f"reads {laboratory.place.folder / 'text.txt'}" in log


def test_an_output_may_be_written_into_the_working_folder(
    laboratory: Project, processor: RealProcessor
) -> None:
    """A program that cannot be told where to write writes under the declared name."""
    image = add_images(laboratory, 1)[0]
    assert processor.run(image, "writes_here").done == ["writes_here"]
    assert (laboratory.images.folder(image) / "report.txt").read_text() == "here\n"
