"""A recording that vanished comes back when a script needs it, and its results still hold."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryobatch.daemon.copier import copy_all
from cryobatch.importing import Take
from cryobatch.model import Run, Value, script
from cryobatch.model.declaration import declared_script
from cryobatch.model.settings import CopySettings
from cryobatch.processing.catalog import Catalog
from cryobatch.project import Project
from tests.one_processor import OneProcessor, Told
from tests.recording_files import write_mrc

COMMAND = (sys.executable, "-m", "cryobatch.project.recordings")
MakeProcessor = Callable[[Take], OneProcessor]


@script(category="Fit CTF", inputs=["micrograph"], values={"size": Value(kind="int")})
def weigh(run: Run) -> dict[str, object]:
    """Read the recording."""
    return {"size": len(run.input("micrograph").read_bytes())}


@script(category="Share", reads=["size"], values={"half": Value()})
def halve(run: Run) -> dict[str, object]:
    """Read none."""
    return {"half": run.read("size") / 2}


def write_recording(path: Path, seed: int = 1) -> Path:
    """Write a micrograph; other seeds make others of the same size."""
    path.parent.mkdir(exist_ok=True)
    frame = np.random.default_rng(seed).integers(1, 100, (1, 64, 64)).astype(np.int16)
    return write_mrc(path, frame, 1.5)


@pytest.fixture
def microscope(tmp_path: Path) -> Path:
    """Return a recording at the microscope."""
    return write_recording(tmp_path / "microscope" / "a.mrc")


@pytest.fixture
def make(tmp_path: Path, microscope: Path) -> Iterator[MakeProcessor]:
    """Return a function that makes a processor whose project has worked on the recording."""
    made: list[Project] = []

    def make_one(take: Take) -> OneProcessor:
        Project.create(tmp_path / "project").close()
        settings = tmp_path / "project" / "project.toml"
        text = f'[copy]\nto = "{tmp_path}/central"\nrecordings = true\n'
        settings.write_text(settings.read_text() + text)
        project = Project.open(tmp_path / "project")
        made.append(project)
        found = (declared_script(weigh), declared_script(halve))
        project.catalog = Catalog({one.name: one for one in found if one is not None})
        project.import_recordings([microscope], take=take, submit=False)
        processor = OneProcessor(project, bring_back=COMMAND)
        assert work(processor).done == ["weigh", "halve"]
        return processor

    yield make_one
    for project in made:
        project.close()


def work(processor: OneProcessor, *, force: bool = False) -> Told:
    """Work on the image, as a processor of a daemon does."""
    return processor.run(1, "weigh", "halve", force=force)


def root_of(project: Project) -> Path:
    """Return where the image's recording is said to be."""
    return project.images.folder(1) / project.images.record(1).image.root_file


def words(told: Told) -> str:
    """Return what was said of the recording."""
    return " ".join(m["text"] for m in told.messages if m["event"] == "message")


def test_results_hold_without_the_recording(make: MakeProcessor, microscope: Path) -> None:
    """What is up to date is skipped, and nothing is stale or copied for it."""
    processor = make(Take.COPY)
    project = processor.project
    root_of(project).unlink()
    assert work(processor).skipped == ["weigh", "halve"]
    project.images.index([1])
    assert project.images.rows()[0]["stale"] == []
    assert not root_of(project).exists()


@pytest.mark.parametrize("take", [Take.COPY, Take.MOVE, Take.LINK])
def test_a_recording_comes_back_when_a_script_needs_it(
    make: MakeProcessor, microscope: Path, tmp_path: Path, take: Take
) -> None:
    """A copied one from its source, a moved one from the central copy, to which a link leads."""
    processor = make(take)
    project = processor.project
    if take is not Take.COPY:
        assert copy_all(project, lambda _: None) is None
        microscope.unlink(missing_ok=True)
    root_of(project).unlink(missing_ok=True)
    told = work(processor, force=True)
    assert told.done == ["weigh", "halve"]
    assert "was gone: it " in words(told)
    central = tmp_path / "central" / "recordings" / "microscope" / "a" / "a.mrc"
    expected = {Take.COPY: microscope, Take.MOVE: central, Take.LINK: central}[take]
    assert str(expected) in words(told)
    root = project.images.folder(1) / "a.mrc"
    assert root_of(project) == (central if take is Take.LINK else root)
    assert root_of(project).read_bytes() == expected.read_bytes()
    again = work(processor)
    assert (again.skipped, words(again)) == (["weigh", "halve"], "")
    project.images.index([1])
    assert project.images.rows()[0]["stale"] == []


def test_only_the_same_recording_comes_back(make: MakeProcessor, microscope: Path) -> None:
    """Of a source that was written anew nothing is taken; the batch says where it was looked."""
    processor = make(Take.COPY)
    project = processor.project
    root = root_of(project)
    root.unlink()
    microscope.unlink()
    write_recording(microscope, seed=2)
    told = work(processor, force=True)
    assert f"{root}: the recording cannot be reached" in told.failures["weigh"]
    assert f"{microscope} is another recording" in told.failures["weigh"]
    assert "import it again from where it is now" in told.failures["weigh"]
    assert not root.exists()
    project.settings = replace(project.settings, copying=CopySettings())


def test_a_changed_recording_still_counts_as_changed(make: MakeProcessor, microscope: Path) -> None:
    """Also after it was brought back once."""
    processor = make(Take.COPY)
    project = processor.project
    root_of(project).unlink()
    work(processor, force=True)
    write_recording(root_of(project).with_name("new") / "a.mrc", seed=3).replace(root_of(project))
    assert work(processor).done == ["weigh"]


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
def test_a_recording_comes_back_from_another_host(
    make: MakeProcessor, microscope: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link whose source is gone becomes a copy of what is there."""
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\nshift\nexec sh -c "$*"\n')
    shell.chmod(0o755)
    monkeypatch.setenv("RSYNC_RSH", str(shell))
    processor = make(Take.LINK)
    project = processor.project
    settings = project.place.settings
    settings.write_text(settings.read_text().replace('"' + str(tmp_path), f'"host:{tmp_path}'))
    project.settings = replace(
        project.settings, copying=CopySettings(f"host:{tmp_path}/central", recordings=True)
    )
    assert copy_all(project, lambda _: None) is None
    microscope.unlink()
    told = work(processor, force=True)
    assert told.done == ["weigh", "halve"]
    assert f"was copied again from host:{tmp_path}/central/recordings" in words(told)
    assert root_of(project) == project.images.folder(1) / "a.mrc"
    assert work(processor).skipped == ["weigh", "halve"]


@pytest.mark.parametrize("take", [Take.COPY, Take.LINK])
def test_a_recording_that_has_moved_is_imported_from_where_it_is_now(
    make: MakeProcessor, microscope: Path, tmp_path: Path, take: Take
) -> None:
    """Its image has it again, at once, and its results hold; another recording is another image."""
    processor = make(take)
    project = processor.project
    elsewhere = tmp_path / "elsewhere"
    microscope.parent.rename(elsewhere)
    if take is Take.COPY:
        root_of(project).unlink()
    write_recording(elsewhere / "b.mrc", seed=2)
    report = project.import_recordings([elsewhere], take=take, submit=False)
    assert (len(report.images), report.known) == (1, 1)
    assert report.remarks[0] == "1 image has its recording again, which was gone"
    expected = project.images.folder(1) / "a.mrc" if take is Take.COPY else elsewhere / "a.mrc"
    assert root_of(project) == expected
    assert expected.is_file()
    assert project.images.rows(columns=["source"])[0]["source"] == str(elsewhere / "a.mrc")
    assert work(processor).skipped == ["weigh", "halve"]
    again = project.import_recordings([elsewhere], take=take, submit=False)
    assert (again.images, again.remarks) == ((), ())
