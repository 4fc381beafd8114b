"""What has failed is seen by cause, and queued anew, on the command line."""

from collections.abc import Callable

from cryobatch.project import Project
from tests.cli.command_line import Command
from tests.web.failing import fail_next

MakeProject = Callable[[int], Project]
REASONS = [
    {"weigh": "used 2.31 GB of memory, the processor's limit is 2 GB"},
    {"weigh": "used 2.58 GB of memory, the processor's limit is 2 GB"},
    {"workflow": "pixel_size is unknown"},
]


def test_failures_are_listed_shown_and_retried(command: Command, project: MakeProject) -> None:
    """By cause, as on the page; in words and as JSON."""
    made = project(3)
    assert command("failures").out == "nothing has failed\n"
    command("submit", "--all", "--scripts", "weigh")
    fail_next(made, REASONS)
    unknown, memory = command("failures", "--json").json
    assert (unknown["script"], unknown["images"]) == ("workflow", 1)
    assert (memory["images"], memory["message"]) == (
        2, "used # GB of memory, the processor's limit is # GB"
    )  # fmt: skip
    assert memory["cause"] in command("failures", "list").out
    shown = command("failures", "show", memory["cause"]).out
    assert "used 2.58 GB" in shown
    assert "submit --images 2 --scripts weigh --top" in shown
    assert len(command("failures", "show", memory["cause"], "--json").json["failures"]) == 2
    assert command("failures", "retry").code == 2
    assert command("failures", "retry", "nonsense").code == 2
    assert command("failures", "retry", memory["cause"], "--top").out == "2 batches queued\n"
    assert len(command("failures", "retry", "--all", "--json").json["batches"]) == 1
    assert command("failures", "--json").json == []
