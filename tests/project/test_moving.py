"""Images move from group to group with all that is theirs, as one step or not at all."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cryobatch.errors import UsageError
from cryobatch.model.batch import BatchState
from cryobatch.processing.image_folder import image_lock, read_record
from cryobatch.project import Project, Selection, moving
from cryobatch.project.moving import Mover
from cryobatch.project.pulse import Pulse
from cryobatch.project.submission import Choice
from cryobatch.store import moving as tables
from cryobatch.store import queue
from tests.one_processor import OneProcessor
from tests.projects import add_images, open_project

CHOICE = Choice(scripts=("measure",))
STEPS = ("write_bytes_durably", "read_record", "write_record", "sync_folder")


def move(project: Project, *images: int, to: str = "other") -> moving.MoveReport:
    """Move images."""
    return Mover(project.images).move(Selection(images=images), to)


def groups(project: Project) -> dict[object, object]:
    """Return every image's group as the library tells it."""
    return {row["id"]: row["group"] for row in project.images.rows()}


def assert_whole(project: Project) -> None:
    """See that folder, parameter file and library say the same of each image."""
    for image_id, group in groups(project).items():
        assert isinstance(image_id, int)
        folder = project.images.folder(image_id)
        assert folder.parent.name == group == read_record(folder).image.group
    found = sorted(path.parent.name for path in project.place.images.glob("*/*/image.toml"))
    assert found == ["image_1", "image_2", "image_3"]


def test_folder_file_and_library_move_together(project: Project) -> None:
    """Whoever looks anywhere finds the image in its new group; who watches hears of it."""
    OneProcessor(project).run(2, "measure")
    before = project.images.record(2)
    pulse = Pulse(project.place)
    pulse.look()
    report = move(project, 2)
    change = pulse.look()
    pulse.close()
    assert (report.moved, report.refused) == ({"square": [2]}, {})
    assert groups(project) == {1: "square", 2: "other", 3: "square"}
    assert_whole(project)
    after = project.images.record(2)
    assert (after.values, after.runs) == (before.values, before.runs)
    assert (project.images.folder(2) / "recording.mrc").is_file()
    assert change is not None
    assert change.images == (2,)
    assert not project.images.rebuild()
    assert groups(project)[2] == "other"
    for group, some in report.moved.items():
        move(project, *some, to=group)
    assert groups(project)[2] == "square"


def test_what_holds_for_the_group_holds_then(project: Project) -> None:
    """Another group's parameters make results stale; which ones differ is told before."""
    OneProcessor(project).run(1, "measure")
    (project.place.images / "other").mkdir()
    text = "[acquisition]\npixel_size = 2.0\n[parameters.measure]\nlevel = 5.0\n"
    (project.place.images / "other" / "group.toml").write_text(text)
    found = Mover(project.images).compare(Selection(images=(1, 2)), "other")
    assert [(one.name, one.now, one.then, one.images) for one in found] == [
        ("measure.level", None, 5.0, 2), ("pixel_size", None, 2.0, 2),
    ]  # fmt: skip
    assert move(project, 1, 2).stale == 1
    assert project.images.rows("stale")[0]["id"] == 1


def test_an_image_at_work_stays(project: Project) -> None:
    """An image that a batch runs on, or that somebody writes, is refused; the others move."""
    project.submit(Selection(images=(1,)), CHOICE)
    with project.database.transaction() as t:
        assert queue.claim(t, "local-1", 1.0) is not None
    with image_lock(project.images.folder(2)):
        report = move(project, 1, 2, 3)
    assert report.moved == {"square": [3]}
    assert "a batch runs on it" in report.refused[1]
    assert "holds the image's lock" in report.refused[2]
    assert_whole(project)


def test_batches_that_wait_go_with_it(project: Project) -> None:
    """What was queued is done in the new group."""
    project.submit(Selection(images=(1,)), CHOICE)
    move(project, 1)
    (row,) = project.queue.listing()
    assert (row.batch.image_id, row.batch.state) == (1, BatchState.WAITING)
    OneProcessor(project).run(1, "measure")
    assert "measure" in project.images.record(1).runs


def test_a_name_that_is_taken_is_told(project: Project) -> None:
    """Two images of one name do not become one; a name of a group is a folder's."""
    add_images(project, 1, group="other")
    project.images.folder(4).rename(project.place.images / "other" / "image_1")
    report = move(project, 1)
    assert "called image_1 already" in report.refused[1]
    assert "is there already" in move(project, 2, to="square").refused[2]
    for wrong in ("../up", "", "a/b", ".hidden"):
        with pytest.raises(UsageError, match="call it"):
            move(project, 2, to=wrong)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", [*STEPS, "rename", "commit"])
def test_death_at_any_step_leaves_the_image_whole(project: Project, step: str, after: bool) -> None:
    """After a kill the image is in one of the groups, and everything says the same one."""
    OneProcessor(project).run(1, "measure")
    die_at(project.place.folder, step, after=after)
    with open_project(project.place.folder) as reopened:
        assert_whole(reopened)
        assert "measure" in reopened.images.record(1).runs
        assert not list((project.place.folder / moving.FOLDER).glob("*.json"))
        assert move(reopened, 1, to="third").moved
        assert_whole(reopened)


def die_at(folder: Path, step: str, *, after: bool) -> None:
    """Let another process move an image until it dies at a step."""
    child = os.fork()
    if child == 0:
        try:
            own = open_project(folder)  # nothing of the parent's database is touched
            arm(step, after=after)
            move(own, 1)
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it should have died"


def arm(step: str, *, after: bool) -> None:
    """Make a step deadly."""

    def wrap(run: Callable[..., object]) -> Callable[..., object]:
        def take(*arguments: object, **named: object) -> object:
            if not after:
                os.kill(os.getpid(), signal.SIGKILL)
            run(*arguments, **named)
            os.kill(os.getpid(), signal.SIGKILL)
            return None

        return take

    if step == "rename":
        Path.rename = wrap(Path.rename)  # type: ignore[method-assign,assignment]  # in a child that dies
    elif step == "commit":
        tables.move = wrap(tables.move)  # type: ignore[assignment]  # as above
    else:
        setattr(moving, step, wrap(getattr(moving, step)))
