"""Scripts in the order of recording, with processes."""

from tests.daemon.conftest import MakeProject, StartDaemon
from tests.daemon.laboratory import QUICK, write_python
from tests.daemon.running import submit

FOLLOW = """
import os, time
import cryobatch

@cryobatch.script(category="Fit CTF", in_order=True, previous=["step"],
                  values={"step": cryobatch.Value("")})
def follow(run):
    before = run.before("step") or 0.0
    if before == 3.0:
        flag = os.path.join(os.path.dirname(__file__), "killed")
        if not os.path.exists(flag):
            open(flag, "w").close()
            os.kill(os.getpid(), 9)
    time.sleep(0.01)
    return {"step": before + 1}
"""


def test_each_image_follows_the_one_before(
    new_project: MakeProject, start_daemon: StartDaemon
) -> None:
    """With several processors, and one of them killed on the way, as if it were one."""
    project = new_project(8)
    write_python(project.place.folder, FOLLOW)
    write_python(project.place.folder, QUICK)
    submit(project, "follow", "quick")
    assert start_daemon(project, "run", processors=3).finish() == 0
    rows = project.images.rows()
    assert [row["step"] for row in rows] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert [row["answer"] for row in rows] == 8 * [42.0]
