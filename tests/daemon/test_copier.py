"""The copier brings results to another place, whatever happens to it and to the place."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cryobatch.daemon.copier import LOOK_INTERVAL_S, PAUSES_S, Copier, copy_all
from cryobatch.importing import Take
from cryobatch.model import BatchState
from cryobatch.model.event import Level
from cryobatch.project import Project, Selection
from cryobatch.project.submission import Choice
from tests.daemon.conftest import MakeProject, StartDaemon
from tests.daemon.running import count_of, named, submit, wait_for
from tests.daemon.watched import Clock, write_micrograph
from tests.one_processor import OneProcessor
from tests.projects import MICROGRAPH_WORKFLOW, add_images, make_project

needs_rsync = pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
RESULTS = {"image.toml", "particles.txt", "power_spectrum.txt", "thumbnails/micrograph.txt"}


@pytest.fixture(params=["folder", pytest.param("rsync", marks=needs_rsync)])
def project(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """Return a project with two images that were processed, copied to ``central``."""
    if request.param == "folder":
        which: Callable[..., str | None] = shutil.which
        monkeypatch.setattr(shutil, "which", lambda n, **o: None if n == "rsync" else which(n, **o))
    with make_project(tmp_path / "project", 2) as made:
        set_copy(made, to=str(tmp_path / "central"))
        for image in (1, 2):
            OneProcessor(made).run(image, *MICROGRAPH_WORKFLOW)
        yield made


def set_copy(project: Project, **settings: object) -> None:
    """Change the settings of the copy, as a reload does."""
    copying = replace(project.settings.copying, **settings)  # type: ignore[arg-type]  # passed on
    project.settings = replace(project.settings, copying=copying)


def files_of(central: Path, image: int) -> set[str]:
    """Return the files of an image's copy."""
    folder = central / "images" / "square" / f"image_{image}"
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def told(project: Project, level: Level) -> list[str]:
    """Return the log's lines of a level that are about copies, oldest first."""
    rows = project.log.page(limit=1000, descending=False)
    return [row.text for row in rows if row.level is level and "cop" in row.text]


def settle(copier: Copier) -> None:
    """Let the copier do all that it can."""
    while copier.step() == 0.0:
        pass


def test_results_are_copied_once_and_again_when_they_change(
    project: Project, tmp_path: Path
) -> None:
    """All products and the records; a restart copies nothing again."""
    central = tmp_path / "central"
    settle(Copier(project))
    assert files_of(central, 1) == files_of(central, 2) == RESULTS
    assert not (central / "recordings").exists()
    text = f"copied to {central}: 4 files, 0.0 MB"
    assert told(project, Level.INFO) == [f"results are copied to {central}", text, text]
    settle(Copier(project))
    assert len(told(project, Level.INFO)) == 3
    project.images.update(Selection(images=(2,)), lambda r: replace(
        r, person=replace(r.person, flag="red")))  # fmt: skip
    settle(Copier(project))
    assert len(told(project, Level.INFO)) == 4
    assert 'flag = "red"' in (central / "images/square/image_2/image.toml").read_text()
    (central / "images/square/image_1/particles.txt").write_text("another's")
    project.central_copy.request(again=True)
    settle(Copier(project))
    assert "another's" not in (central / "images/square/image_1/particles.txt").read_text()


def test_images_in_work_or_in_the_trash_are_not_copied(project: Project, tmp_path: Path) -> None:
    """The first when their batch has ended; nothing is ever deleted there."""
    project.images.update(Selection(images=(2,)), lambda r: replace(
        r, person=replace(r.person, trashed=True)))  # fmt: skip
    (batch,) = submit(project, "measure", images=(1,))
    with project.database.transaction() as t:
        t.execute("UPDATE batch SET state = 'running' WHERE id = ?", (batch,))
    settle(Copier(project))
    assert not (tmp_path / "central").exists()
    with project.database.transaction() as t:
        t.execute("UPDATE batch SET state = 'done', finished_at = 5.0")
    settle(Copier(project))
    assert files_of(tmp_path / "central", 1) == RESULTS
    assert files_of(tmp_path / "central", 2) == set()
    with project.database.transaction() as t:
        t.execute("UPDATE batch SET finished_at = 4.0")  # a clock was put right
    assert project.central_copy.report(1).counts.due == 1


def test_what_is_copied_can_be_chosen(project: Project, tmp_path: Path) -> None:
    """Other orders copy again what they mean; recordings have a place of their own."""
    central = tmp_path / "central"
    set_copy(project, what=("particles",))
    copier = Copier(project)
    settle(copier)
    assert files_of(central, 1) == RESULTS - {"power_spectrum.txt"}
    set_copy(project, what=None, recordings=True)
    (project.images.folder(2) / "recording.mrc").unlink()
    settle(copier)
    assert files_of(central, 1) == RESULTS
    assert [p.parent.name for p in central.rglob("recording.mrc")] == ["image_1"]
    set_copy(project, what=("particle",))
    settle(copier)
    assert "'particle'; known: particles" in (copier.find_trouble() or "")
    set_copy(project, to=None)
    settle(copier)
    assert project.central_copy.report(1).status["state"] == "off"


def test_a_place_that_is_away_is_tried_again_with_growing_pauses(
    project: Project, tmp_path: Path
) -> None:
    """A person is told once; when it comes back it catches up."""
    central, clock = tmp_path / "central", Clock()
    copier = Copier(project, clock=clock)
    settle(copier)
    central.rename(tmp_path / "unmounted")
    central.mkdir()
    add_images(project, 1)
    OneProcessor(project).run(3, *MICROGRAPH_WORKFLOW)
    clock.now += LOOK_INTERVAL_S
    for pause in (*PAUSES_S, PAUSES_S[-1]):
        assert copier.step() > 0
        status = project.central_copy.report(1).status
        assert status["state"] == "away"
        assert status["again_at"] == pytest.approx(time.time() + pause, abs=5)
        clock.now += pause - 1
        copier.step()
        assert project.central_copy.report(1).status == status
        clock.now += 1
    assert list(central.iterdir()) == []
    (warning,) = told(project, Level.WARNING)
    assert "mount the disk" in warning
    central.rmdir()
    (tmp_path / "unmounted").rename(central)
    project.central_copy.request()
    settle(copier)
    assert copier.find_trouble() is None
    assert files_of(central, 3) == RESULTS
    assert f"{central} can be used again: results are copied" in told(project, Level.INFO)


def test_one_image_that_cannot_be_copied_costs_no_other(project: Project, tmp_path: Path) -> None:
    """It is told once, and tried again later."""
    add_images(project, 1)
    OneProcessor(project).run(3, *MICROGRAPH_WORKFLOW)
    obstacle = tmp_path / "central" / "images" / "square" / "image_1"
    obstacle.parent.mkdir(parents=True)
    obstacle.write_text("a file where a folder should be")
    clock = Clock()
    copier = Copier(project, clock=clock)
    settle(copier)
    assert files_of(tmp_path / "central", 2) == files_of(tmp_path / "central", 3) == RESULTS
    report = project.central_copy.report(10)
    assert [(one[0], report.counts.due) for one in report.troubles] == [(1, 1)]
    assert copier.find_trouble() is None
    clock.now += PAUSES_S[0]
    settle(copier)
    obstacle.unlink()
    settle(copier)
    assert files_of(tmp_path / "central", 1) == set()
    clock.now += PAUSES_S[1]
    settle(copier)
    assert files_of(tmp_path / "central", 1) == RESULTS
    assert project.central_copy.report(10).troubles == []
    assert len(told(project, Level.ERROR)) == 1


def test_a_wrong_place_is_told(project: Project, tmp_path: Path) -> None:
    """Copies of another project are left alone, and so is the project itself behind a link."""
    (tmp_path / "link").symlink_to(project.place.images)
    set_copy(project, to=str(tmp_path / "link" / "central"))
    assert "the project itself" in (copy_all(project, lambda _: None) or "")
    set_copy(project, to=str(tmp_path / "central"))
    settle(Copier(project))
    with make_project(tmp_path / "other", 1) as other:
        set_copy(other, to=str(tmp_path / "central"))
        OneProcessor(other).run(1, "pick")
        assert "another project" in (copy_all(other, lambda _: None) or "")


def test_what_has_just_ended_is_found_at_once(project: Project, tmp_path: Path) -> None:
    """Without a look through all images, which is taken seldom where there are many."""
    copier = Copier(project, clock=Clock())
    settle(copier)
    add_images(project, 2)
    for image in (3, 4):
        OneProcessor(project).run(image, *MICROGRAPH_WORKFLOW)
    submit(project, "measure", images=(3,))
    with project.database.transaction() as t:
        t.execute("UPDATE batch SET state = 'done', finished_at = ?", (time.time(),))
    settle(copier)
    assert files_of(tmp_path / "central", 3) == RESULTS
    assert files_of(tmp_path / "central", 4) == set()


THING = """
import cryobatch

@cryobatch.script(category="Calculate Statistics", outputs={"thing": "thing.bin"})
def thing(run):
    run.output("thing").write_bytes(bytes(3_000_000))
"""


@needs_rsync
def test_a_daemon_copies_as_results_come_through_kills(
    new_project: MakeProject, start_daemon: StartDaemon, tmp_path: Path, mark: str
) -> None:
    """No rsync outlives its daemon, nothing half is there, and all arrives in the end."""
    central = tmp_path / "central"
    project = new_project(3, f'[copy]\nto = "{central}"\nrate_mb_s = 3.0\n')
    (project.place.scripts / "thing.py").write_text(THING)
    project.reload()
    submit(project, "thing")
    for _ in range(2):
        daemon = start_daemon(project)
        wait_for(lambda: named(mark, "rsync"), "rsync")
        daemon.kill()
        wait_for(lambda: not named(mark, "rsync"), "the end of rsync")
        assert {p.stat().st_size for p in central.glob("images/*/*/thing.bin")} <= {3_000_000}
    settings = project.place.settings
    settings.write_text(settings.read_text().replace("rate_mb_s = 3.0", ""))
    assert start_daemon(project, "run").finish() == 0
    assert count_of(project, BatchState.DONE) == 3
    found = list(central.glob("images/*/*/thing.bin"))
    assert {p.stat().st_size for p in found} == {3_000_000}
    assert len(found) == 3
    assert project.central_copy.report(1).counts.images == 3
    assert list((project.place.state / ".copying").iterdir()) == []


def test_a_place_that_is_away_keeps_no_daemon(
    new_project: MakeProject, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    """``run`` ends when its queue is empty, ``serve`` when it is told."""
    project = new_project(1, f'[copy]\nto = "{tmp_path}/no/disk"\n')
    (project.place.scripts / "thing.py").write_text(THING)
    project.reload()
    submit(project, "thing")
    assert start_daemon(project, "run").finish(30) == 0
    assert len(told(project, Level.WARNING)) == 1
    daemon = start_daemon(project)
    wait_for(lambda: len(told(project, Level.WARNING)) == 2, "the warning")
    assert "Traceback" not in daemon.stop(signal.SIGTERM)
    assert not os.path.exists(tmp_path / "no")  # noqa: PTH110 - a text path


LOOKING = """
import cryobatch
from typing import Annotated
from cryobatch import Parameter

@cryobatch.script(category="Calculate Statistics", inputs=["micrograph"],
                  values={"size": cryobatch.Value("bytes")})
def looking(run, *, again: Annotated[int, Parameter(low=0)] = 0):
    return {"size": float(run.input("micrograph").stat().st_size)}
"""


def test_a_daemons_processor_brings_a_recording_back(
    new_project: MakeProject, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    """From where it was imported, and the log tells that it was gone."""
    project = new_project(0)
    (project.place.scripts / "looking.py").write_text(LOOKING)
    project.reload()
    write_micrograph(tmp_path / "a.mrc")
    choice = Choice(scripts=("looking",))
    project.import_recordings([tmp_path / "a.mrc"], take=Take.COPY, choice=choice)
    recording = project.images.folder(1) / "a.mrc"
    recording.unlink()
    assert start_daemon(project, "run").finish() == 0
    assert recording.read_bytes() == (tmp_path / "a.mrc").read_bytes()
    rows = project.log.page(limit=100)
    (row,) = [row for row in rows if row.level is Level.WARNING]
    assert (row.image, row.script) == ("a", "looking")
    assert f"it was copied again from {tmp_path / 'a.mrc'}" in row.text
