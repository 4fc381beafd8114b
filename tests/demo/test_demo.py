"""The demonstration runs as a person runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

from cryobatch.demo.session import DEMONSTRATION, make_patience, remove_demo
from cryobatch.errors import ProjectError
from cryobatch.project import Project


@pytest.mark.timeout(240)
def test_demo_finds_what_is_true(tmp_path: Path) -> None:
    """Movies that appear while the daemon works end as images that are what they should be."""
    command = [
        sys.executable, "-m", "cryobatch.cli.main", "demo", "--folder", str(tmp_path / "demo"),
        "--movies", "2", "--interval", "0",
    ]  # fmt: skip
    finished = subprocess.run(command, capture_output=True, text=True, timeout=230, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.count(" good") == 2
    assert str(tmp_path / "demo") in finished.stdout
    assert "cryobatch new" in finished.stdout


def test_only_a_demonstration_is_removed(tmp_path: Path) -> None:
    """With --again an earlier demonstration goes, and nothing that is somebody's own."""
    mine = tmp_path / "mine"
    Project.create(mine).close()
    with pytest.raises(ProjectError, match="of your own"):
        remove_demo(mine)
    assert (mine / "project.toml").exists()
    earlier = tmp_path / "earlier"
    Project.create(earlier, name=DEMONSTRATION).close()
    remove_demo(earlier)
    assert not earlier.exists()
    remove_demo(earlier)


def test_demo_leaves_a_used_folder_alone(tmp_path: Path) -> None:
    """A folder with something in it is not touched."""
    (tmp_path / "mine").write_text("precious")
    command = [sys.executable, "-m", "cryobatch.cli.main", "demo", "--folder", str(tmp_path)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 1
    assert "not empty" in finished.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_slow_machine_is_waited_for_while_results_come() -> None:
    """It ends with all results, or when none has come for five minutes."""
    enough = make_patience(3)
    told = [(0, 0.0), (1, 290.0), (2, 580.0), (2, 879.0)]
    assert not any(enough(ended, seconds) for ended, seconds in told)
    assert enough(2, 881.0)
    assert enough(3, 882.0)
