"""A session by an unkind microscope, with daemons that are killed, is imported exactly once."""

import random
from pathlib import Path

import pytest

from benchmarks.replayed_session import find_faults, write_session
from cryobatch.demo.replay import Microscope, ReplaySettings, measure_sizes, plan_replay
from cryobatch.importing.watching.settle import Patience
from cryobatch.project.submission import Choice
from cryobatch.project.watching import Orders
from tests.daemon.conftest import MakeProject, StartDaemon
from tests.daemon.running import wait_for

RECORDINGS = 200
KILLS = 5
SETTINGS = ReplaySettings(
    interval_s=0.06, pause_s=1.0, rewritten_after_s=4.0, incomplete=0.05, rewritten=0.02
)


@pytest.mark.slow
def test_each_complete_recording_is_one_image_with_its_facts(
    new_project: MakeProject, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    """In chunks, out of order, with wrong clocks, through five kills; the incomplete are listed."""
    truths = write_session(tmp_path / "source", RECORDINGS)
    plan = plan_replay(measure_sizes(tmp_path / "source"), SETTINGS, seed=3)
    microscope = Microscope(tmp_path / "source", tmp_path / "microscope", plan)
    project = new_project(0)
    project.queue.pause()
    orders = Orders(
        choice=Choice(scripts=("unpack", "correct_drift")), patience=Patience(patient_s=4.0)
    )
    watched = project.watching.add(tmp_path / "microscope", orders)
    end_s = plan.steps[-1].at_s
    daemon = start_daemon(project)
    chance = random.Random(1)
    for moment in sorted(chance.uniform(0.1, 0.9) * end_s for _ in range(KILLS)):
        microscope.play(until_s=moment)
        daemon.kill()
        daemon = start_daemon(project)
    microscope.play()
    microscope.close()

    def is_quiet() -> bool:
        report = project.watching.report(watched)
        return len(report.incomplete) == len(plan.incomplete) and sum(
            report.counts.values()
        ) == RECORDINGS + len(plan.duplicated)

    try:
        wait_for(is_quiet, "the end of the import", 60.0)
    finally:
        said = daemon.stop()
        faults = list(find_faults(project, watched, plan, truths))
    assert (faults, said) == ([], "")
