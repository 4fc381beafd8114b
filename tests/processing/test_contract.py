"""The result contract: all that was declared is there, readable and in range, or it has failed."""

import os
import re
from pathlib import Path

import pytest

from cryobatch.processing.image_folder import read_record
from cryobatch.project import Project
from tests.one_processor import OneProcessor, Told
from tests.processing.conftest import MakeProject
from tests.processing.odd_scripts import odd_script


@pytest.fixture
def project(new_project: MakeProject) -> Project:
    """Return a project whose only script does as it is told."""
    return new_project(1, scripts={"odd": odd_script()})


def behave(project: Project, behaviour: str) -> Told:
    """Let the script behave in a way."""
    return OneProcessor(project).run(1, "odd", parameters={"odd": {"behaviour": behaviour}})


def log_of(project: Project) -> str:
    """Return what stands in the script's log."""
    return (project.images.folder(1) / "logs" / "odd.log").read_text()


@pytest.mark.parametrize("behaviour", ["keeps", "whole image", "numpy's numbers", "works aside"])
def test_a_script_that_keeps_the_contract_is_done(project: Project, behaviour: str) -> None:
    """Its products and values are there, and nothing of its work."""
    assert behave(project, behaviour).done == ["odd"]
    folder = project.images.folder(1)
    assert (folder / "report.txt").read_text() == "all is well"
    assert (folder / "image.mrc").exists() == (behaviour == "whole image")
    assert project.images.rows()[0]["length"] in {5.0, 2.5}
    assert not list(project.place.folder.rglob("aside"))


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("no output", r"odd: its output report \(report.txt\) was not written"),
        ("empty output", "its output report .* is empty"),
        ("folder as output", "its output report .* is no file"),
        ("link as output", "its output report .* a link"),
        ("cut image", "its output image .* is no whole MRC file"),
        ("text as image", "its output image .* is no whole MRC file"),
        ("no value", "odd did not give its value length"),
        ("too much", r"odd\.length = 11 Å is outside 0 to 10 Å"),
        ("not a number", r"odd\.length is nan"),
        ("a list", r"odd\.length should be a number"),
        ("half a thing", r"odd\.count should be a whole number"),
        ("absent without leave", r"odd\.length must have a value.*I did not look"),
        ("absent without reason", r"odd\.note is absent without a reason"),
        ("undeclared", "odd gave size, which it does not declare"),
        ("nothing at all", "odd returned list, not a mapping"),
        ("raises", r"ValueError at odd_scripts.py:\d+: the seventh number is odd.*log"),
        ("exhausts memory", r"memory ran out \(Unable to allocate"),
        ("leaves", r"odd ended itself \(exit code 3\)"),
        ("odd message", "no level of a message is called 'shout'"),
    ],
)
def test_a_script_that_breaks_the_contract_has_failed(
    project: Project, behaviour: str, reason: str
) -> None:
    """It leaves neither products nor values, and the reason says what was wrong."""
    told = behave(project, behaviour)
    assert list(told.failures) == ["odd"]
    assert re.search(reason, told.failures["odd"])
    folder = project.images.folder(1)
    assert read_record(folder).runs == {}
    assert read_record(folder).values == {}
    assert not (folder / "report.txt").exists()
    assert not (folder / "image.mrc").exists()


def test_a_failure_leaves_the_earlier_results_as_they_were(project: Project) -> None:
    """The last good run holds until a better one replaces it."""
    behave(project, "whole image")
    before = read_record(project.images.folder(1))
    behave(project, "raises")
    assert read_record(project.images.folder(1)) == before
    assert (project.images.folder(1) / "image.mrc").exists()


def test_the_log_holds_all_that_a_script_says(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    """By Python, past Python, by C and by its children; the processor's own output stays free."""
    with capfd.disabled():
        behave(project, "speaks")
    log = log_of(project)
    for line in ("printed by Python", "an error of Python", "written past Python",
                 "printed by C", "said by a child"):  # fmt: skip
        assert line in log


def test_the_log_holds_the_whole_trace_of_a_failure(project: Project) -> None:
    """The reason in the table is one line; here is where it came from."""
    behave(project, "raises")
    log = log_of(project)
    assert "Traceback (most recent call last)" in log
    assert 'raise ValueError("the seventh number is odd")' in log


def test_the_log_says_why_the_contract_was_broken(project: Project) -> None:
    """Whoever reads the log does not need the table."""
    behave(project, "too much")
    assert "outside 0 to 10" in log_of(project)
    behave(project, "no output")
    assert "was not written" in log_of(project)


def test_a_script_cannot_move_its_processor(project: Project) -> None:
    """What it does to the working folder ends with it."""
    before = Path.cwd()
    behave(project, "goes elsewhere")
    assert Path.cwd() == before


def test_messages_reach_the_table(project: Project) -> None:
    """With their level and script."""
    told = behave(project, "message")
    spoken = [m for m in told.messages if m["event"] == "message"]
    assert [(m["text"], m["level"], m["script"]) for m in spoken] == [("a word", "warning", "odd")]


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_disk_that_cannot_be_written_fails_the_script(project: Project) -> None:
    """The processor lives on, and the reason names the place."""
    staging = project.place.staging
    staging.mkdir(exist_ok=True)
    staging.chmod(0o500)
    try:
        told = behave(project, "keeps")
    finally:
        staging.chmod(0o700)
    assert str(staging) in next(iter(told.failures.values()))


def test_a_place_that_is_no_folder_fails_the_script(project: Project) -> None:
    """A file stands where results should go: the reason names it, the processor lives on."""
    folder = project.images.folder(1)
    (folder / "logs").write_text("in the way")
    told = behave(project, "speaks")
    assert str(folder / "logs") in told.failures["odd"]


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_what_a_script_write_protects_is_removed_all_the_same(project: Project) -> None:
    """Else no later script could work in this processor."""
    aside = project.place.staging / "local-1" / "aside"
    (aside / "deep").mkdir(parents=True)
    (aside / "deep" / "file").touch()
    (aside / "deep").chmod(0o500)
    aside.chmod(0o500)
    assert behave(project, "keeps").done == ["odd"]
