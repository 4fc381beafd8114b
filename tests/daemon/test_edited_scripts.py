"""Scripts edited while a daemon works: what is submitted afterwards runs with the new ones."""

from cryobatch.model import BatchState
from tests.daemon.conftest import MakeProject, StartDaemon
from tests.daemon.laboratory import QUICK, write_python
from tests.daemon.running import await_idle, count_of, submit, wait_for


def test_a_batch_submitted_right_after_an_edit_runs_the_edited_script(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """Nobody waits until the daemon has looked at the folder; nothing is stale afterwards."""
    project = new_project(1)
    write_python(project.place.folder, QUICK)
    start_daemon(project)
    await_idle(project, 1)
    for number, answer in enumerate((42.0, 7.0, 8.0), start=1):
        write_python(project.place.folder, QUICK.replace("42.0", str(answer)))
        project.reload()
        submit(project, "quick")

        def all_done(wanted: int = number) -> bool:
            return count_of(project, BatchState.DONE) == wanted

        wait_for(all_done, "the batch's end")
        row = project.images.rows()[0]
        assert (row["answer"], row["stale"]) == (answer, [])
