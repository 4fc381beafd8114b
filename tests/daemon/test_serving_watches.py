"""A daemon follows the folders that are watched, as commands change them."""

from pathlib import Path

from cryobatch.importing.watching.settle import Patience
from cryobatch.model import BatchState
from cryobatch.project.submission import Choice
from cryobatch.project.watching import Orders
from tests.daemon.conftest import MakeProject, StartDaemon
from tests.daemon.running import count_of, wait_for
from tests.daemon.watched import PICK, write_micrograph

SLOWEST_S = 60.0
"""For machines that do other things at the same time; the promise itself is a benchmark's."""


def test_recordings_reach_the_queue_by_events(
    new_project: MakeProject, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    """In folders that are there, that are made later, that are added while it runs."""
    project = new_project(0)
    project.queue.pause()
    orders = Orders(facts={"pixel_size": 1.5}, choice=PICK, patience=Patience(patient_s=4.0))
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    project.watching.add(first, orders)
    daemon = start_daemon(project)
    write_micrograph(first / "a.mrc", 1)
    wait_for(lambda: count_of(project, BatchState.WAITING) == 1, "the first image", SLOWEST_S)
    watched = project.watching.add(second, orders)
    (second / "deep" / "deeper").mkdir(parents=True)
    write_micrograph(second / "deep" / "deeper" / "b.mrc", 2)
    wait_for(lambda: count_of(project, BatchState.WAITING) == 2, "the second image", SLOWEST_S)
    project.watching.stop(watched)

    def is_left() -> bool:
        return project.watching.find(str(second)).status == {}

    wait_for(is_left, "the end of the second", SLOWEST_S)
    write_micrograph(second / "c.mrc", 3)
    write_micrograph(first / "d.mrc", 4)
    wait_for(lambda: count_of(project, BatchState.WAITING) == 3, "the third image", SLOWEST_S)
    assert sorted(str(row["name"]) for row in project.images.rows()) == ["a", "b", "d"]
    assert daemon.stop() == ""
    assert all(item.status == {} for item in project.watching.listing())


def test_first_scripts_go_on_top_and_the_others_to_the_end(
    new_project: MakeProject, tmp_path: Path
) -> None:
    """Each new image has two batches; together they are the whole workflow."""
    project = new_project(0)
    for number in range(2):
        write_micrograph(tmp_path / f"{number}.mrc", number)
        facts = {"pixel_size": 1.5, "voltage": 300, "cs": 2.7}
        scripts = ("fit_ctf", "pick_particles", "calculate_statistics")
        project.import_recordings(
            [tmp_path / f"{number}.mrc"], facts=facts, choice=Choice(scripts, first_now=True)
        )
    rest = ("pick_particles", "calculate_statistics")
    assert [(row.image, row.batch.scripts) for row in project.queue.listing()] == [
        ("1", ("fit_ctf",)), ("0", ("fit_ctf",)), ("0", rest), ("1", rest),
    ]  # fmt: skip
