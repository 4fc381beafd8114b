"""The project's settings are seen and changed on the command line."""

from collections.abc import Callable

from cryobatch.project import Project
from tests.cli.command_line import Command

MakeProject = Callable[[int], Project]


def test_settings_are_listed_set_and_taken_back(command: Command, project: MakeProject) -> None:
    """With who says so; what it would do is said, and done unless it is only asked for."""
    made = project(1)
    rows = {row["setting"]: row for row in command("settings", "--json").json}
    assert rows["parameters.weigh.factor"]["value"] == 1.0
    assert rows["queue.max_losses"]["source"] == "default"
    assert "acquisition.voltage" not in rows
    asked = command("settings", "set", "processors.number=4", "--dry-run").out
    assert "The number holds at once" in asked
    assert "number = 4" not in made.place.settings.read_text()
    done = command("settings", "set", "processors.number=4", "parameters.weigh.factor=2.5")
    assert (done.code, done.out.splitlines()[-1]) == (0, "2 changed")
    listed = command("settings", "list", "processors").out
    assert "project" in next(line for line in listed.splitlines() if "processors.number" in line)
    assert "weigh" not in listed
    assert command("settings", "unset", "processors.number").out.endswith("changed\n")
    assert "number = 4" not in made.place.settings.read_text()
    assert command("settings", "set", "processors.number=0").code == 1
    assert command("settings", "set", "nothing=1").code == 2
    assert command("settings", "unset", "processors.number=4").code == 2
