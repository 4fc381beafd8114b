"""Failures are told by cause, as long as nothing has made them good."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryobatch.errors import UnknownNameError
from cryobatch.model import BatchState
from cryobatch.model.batch import ParameterSet
from cryobatch.project import Project, Selection
from cryobatch.project.causes import find_words, generalise, name_cause
from cryobatch.project.failures import Failures
from cryobatch.store import queue
from cryobatch.store.queue import Submission
from tests.projects import make_project
from tests.web.failing import NOW, fail_next

MEMORY = "used {:.2f} GB of memory, the processor's limit is 2 GB"
SCRIPTS = ("measure", "pick")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Make a project of eight images that wait for two scripts."""
    with make_project(tmp_path / "project", 8) as made:
        submit(made, range(1, 9))
        yield made


def submit(project: Project, images: range, scripts: tuple[str, ...] = SCRIPTS) -> None:
    """Queue images."""
    with project.database.transaction() as t:
        queue.submit(t, [Submission(one, scripts) for one in images], top=False, now=NOW)


def finish_next(project: Project, state: queue.End) -> None:
    """End the first batch that waits."""
    with project.database.transaction() as t:
        batch = queue.claim(t, "local-1", NOW)
        assert batch is not None
        queue.finish(t, batch.id, batch.attempt, state, {}, NOW + 60)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("/data/grid 1/image_3.mrc", "… #/….mrc"),
        ("'/data/grid 1/image_3.mrc' is cut off at byte 77", "… is cut off at byte #"),
        ("defocus_u = 99999.5: it takes a number from 0 to 5e4 Å",
         "defocus_u = #: it takes a number from # to # Å"),
        ("give it with 'cryobatch image set pixel_size=...'",
         "give it with 'cryobatch image set pixel_size=...'"),
        ("it can't be read, isn't whole", "it can't be read, isn't whole"),
        ("MotionCor2 ended with exit code -11", "MotionCor2 ended with exit code #"),
        ("FoilHole_29355766_Data_4.tiff\n  and more", "… and more"),
    ],
)  # fmt: skip
def test_names_and_numbers_make_no_cause(text: str, pattern: str) -> None:
    """What differs from image to image is left out, what says what is wrong stays."""
    assert generalise(text, ["image_3"]) == pattern
    assert generalise(pattern) == pattern


def test_a_cause_keeps_its_name() -> None:
    """It stands in addresses and on command lines; its words are in the log as they are."""
    assert name_cause("fit_ctf", "no rings") == "57c9f6bff6"
    assert find_words(generalise(MEMORY.format(2.5))) == "GB of memory, the processor's limit is"


def test_failures_are_grouped_by_script_and_message(project: Project) -> None:
    """With first and last; what another script's failure has prevented is no cause of its own."""
    reasons = [
        {"measure": MEMORY.format(2.25), "pick": "not run, for measure has failed"},
        {"measure": MEMORY.format(3.5)},
        {"pick": MEMORY.format(3.5)},
    ]
    fail_next(project, reasons)
    causes = Failures(project).causes()
    assert [(one.script, len(one.failures)) for one in causes] == [("pick", 1), ("measure", 2)]
    assert causes[1].pattern == "used # GB of memory, the processor's limit is # GB"
    assert [one.image for one in causes[1].failures] == ["image_1", "image_2"]
    assert [one.time for one in causes[1].failures] == [NOW, NOW + 1]


def test_what_was_made_good_is_no_failure(project: Project) -> None:
    """By the same batch, or by another that has done what failed; not by one taken out again."""
    fail_next(project, [{"measure": "no rings"}] * 4)
    failures = Failures(project)
    for _ in range(4):
        finish_next(project, BatchState.DONE)
    submit(project, range(1, 2))  # the same again
    submit(project, range(2, 3), ("measure",))
    submit(project, range(3, 4), ("pick",))
    submit(project, range(4, 5))
    assert [one.image_id for one in failures.causes()[0].failures] == [2, 3]
    for _ in range(3):
        finish_next(project, BatchState.DONE)
    project.queue.clear()
    assert [one.image_id for one in failures.causes()[0].failures] == [3, 4]


def test_images_in_the_trash_have_no_failures(project: Project) -> None:
    """Nobody waits for them."""
    fail_next(project, [{"measure": "no rings"}] * 2)
    project.images.trash(Selection(images=(1,)), trashed=True)
    assert [one.image_id for one in Failures(project).causes()[0].failures] == [2]


def test_all_of_a_cause_are_queued_anew_and_taken_out_again(project: Project) -> None:
    """In one step, each batch once; taken out, they are failures as before."""
    rings, room = {"measure": "no rings"}, {"pick": "no room"}
    fail_next(project, [rings, room, {**rings, **room}])
    failures = Failures(project)
    cause = next(one for one in failures.causes() if one.script == "measure")
    done = failures.retry([cause.id], top=True).submitted
    waiting = [row.batch for row in project.queue.listing()]
    assert [one.image_id for one in waiting[:2]] == [1, 3]
    assert tuple(one.id for one in waiting[:2]) == done.ids
    assert [one.script for one in failures.causes()] == ["pick"]
    project.queue.remove(done.ids)
    assert len(failures.find(cause.id).failures) == 2
    assert len(failures.retry().submitted.ids) == 3
    assert failures.causes() == []
    with pytest.raises(UnknownNameError):
        failures.retry([cause.id])


def test_the_command_does_the_latest_again(project: Project) -> None:
    """With what was given for that batch, in words that a shell takes as they are."""
    given: ParameterSet = {
        "measure": {"limit": None, "name": "two words", "on": True},
        "pick": {"x": 1},
    }
    with project.database.transaction() as t:
        queue.submit(t, [Submission(8, SCRIPTS, given)], top=True, now=NOW)
    fail_next(project, [{"measure": "no rings"}])
    failures = Failures(project)
    logs = project.images.folder(8) / "logs"
    logs.mkdir()
    (logs / "measure.log").write_text("".join(f"line {number}\n" for number in range(100)))
    cause = failures.causes()[0]
    account = failures.explain(cause.script, cause.failures[-1])
    folder = project.place.folder
    assert account.again == (
        f"cryobatch --project {folder} submit --images 8 --scripts measure "
        "--set measure.limit=none --set 'measure.name=two words' --set measure.on=true --top"
    )
    assert account.output.splitlines()[-1] == "line 99"
    assert len(account.output.splitlines()) == 40
    assert account.program == "tests.simple_scripts.measure"


def test_no_link_leads_out_of_the_images(project: Project, tmp_path: Path) -> None:
    """A log that is a link elsewhere is not read."""
    fail_next(project, [{"measure": "no rings"}])
    logs = project.images.folder(1) / "logs"
    logs.mkdir()
    (tmp_path / "secret").write_text("secret")
    (logs / "measure.log").symlink_to(tmp_path / "secret")
    failures = Failures(project)
    cause = failures.causes()[0]
    assert failures.explain("measure", cause.failures[0]).output == ""
