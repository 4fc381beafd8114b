"""A person at the command line brings the queue into any order."""

from collections.abc import Callable

from cryobatch.project import Project
from tests.cli.command_line import Command

MakeProject = Callable[[int], Project]


def order(command: Command) -> list[int]:
    """Return the ids of what waits, as listed."""
    return [row["id"] for row in command("queue", "list", "--json").json]


def test_the_help_of_retry_says_what_all_means(command: Command) -> None:
    """All are the batches that have failed, not the images."""
    shown = " ".join(command("queue", "retry", "--help").out.split())
    assert "--all All batches that have failed" in shown
    assert "trash" not in shown


def test_submitting_queues_one_batch_an_image(command: Command, project: MakeProject) -> None:
    """Batches are listed with what other programs rely on; the same is not doubled."""
    project(2)
    answer = command("submit", "--all", "--scripts", "weigh", "--set", "weigh.factor=2.5")
    assert (answer.code, answer.out) == (0, "2 batches queued\n")
    rows = command("queue", "list", "--json").json
    assert [row["image"] for row in rows] == ["image_1", "image_2"]
    assert rows[0]["scripts"] == ["weigh"]
    assert (rows[0]["state"], rows[0]["attempt"]) == ("waiting", 0)
    assert rows[0]["parameters"] == {"weigh": {"factor": 2.5}}
    again = command("submit", "--images", "1-2", "--scripts", "weigh", "--set", "weigh.factor=2.5",
                    "--json")  # fmt: skip
    assert again.json["batches"] == []
    assert again.json["duplicates"] == [1, 2]


def test_mistakes_in_a_submission_are_wrong_usage(command: Command, project: MakeProject) -> None:
    """Unknown scripts, parameters and fields are told with those that there are."""
    project(1)
    assert "known: weigh" in command("submit", "--all", "--scripts", "wiegh").err
    for arguments in (
        ("--all", "--scripts", "wiegh"),
        ("--all", "--scripts", "weigh", "--set", "weigh.factor=99"),
        ("--all", "--scripts", "weigh", "--set", "weigh.nothing=1"),
        ("--all", "--scripts", "weigh", "--set", "nonsense"),
        ("--where", "wieght < 3", "--scripts", "weigh"),
        ("--scripts", "weigh"),
        ("--all", "--images", "1", "--scripts", "weigh"),
        ("--all", "--scripts", "weigh", "--workflow", "movie"),
    ):
        answer = command("submit", *arguments)
        assert answer.code == 2, arguments
        assert answer.err.startswith("cryobatch: "), arguments
    assert order(command) == []


def test_moving(command: Command, project: MakeProject) -> None:
    """Every move of the queue is there, by batch or by image."""
    project(5)
    command("submit", "--all", "--scripts", "weigh")
    assert command("queue", "top", 4, 5).out == "2 batches moved\n"
    assert order(command) == [4, 5, 1, 2, 3]
    command("queue", "bottom", 4)
    assert order(command) == [5, 1, 2, 3, 4]
    command("queue", "up", 3)
    assert order(command) == [5, 1, 3, 2, 4]
    command("queue", "down", 5)
    assert order(command) == [1, 5, 3, 2, 4]
    command("queue", "move", 4, "--to", 2)
    assert order(command) == [1, 4, 5, 3, 2]
    command("queue", "move", 2, 5, 1)
    assert order(command) == [5, 2, 1, 4, 3]
    command("queue", "top", "--where", 'name == "image_3"')
    assert order(command) == [3, 5, 2, 1, 4]
    command("queue", "bottom", "--images", "image_3", "5")
    assert order(command) == [2, 1, 4, 3, 5]


def test_what_does_not_wait_is_said(command: Command, project: MakeProject) -> None:
    """Ids that are not waiting are named, and the exit code tells that something failed."""
    project(1)
    command("submit", "--all", "--scripts", "weigh")
    answer = command("queue", "top", 1, 77)
    assert answer.code == 1
    assert "1 batch moved" in answer.out
    assert "there is no batch 77" in answer.err
    command("queue", "remove", 1)
    assert "batch 1: does not wait" in command("queue", "top", 1).err
    assert "there is no batch 78" in command("queue", "retry", 78).err
    assert command("queue", "top").code == 2
    assert command("queue", "move", 1).code == 2
    answer = command("queue", "remove", 77)
    assert (answer.code, "there is no batch 77" in answer.err) == (1, True)


def test_removing_clearing_and_retrying(command: Command, project: MakeProject) -> None:
    """Batches leave the queue and come back."""
    project(3)
    command("submit", "--all", "--scripts", "weigh")
    assert command("queue", "remove", 2).out == "1 batch cancelled\n"
    assert order(command) == [1, 3]
    assert command("queue", "clear").out == "2 batches cancelled\n"
    assert command("queue", "list").out == "nothing waits and nothing runs\n"
    assert command("queue", "retry", 3, 1).out == "2 batches queued\n"
    rows = command("queue", "list", "--state", "waiting", "--state", "cancelled", "--json").json
    assert [row["image"] for row in rows if row["state"] == "waiting"] == ["image_3", "image_1"]
    assert len(rows) == 5
    assert command("queue", "retry").out == "0 batches queued\n"
    assert command("queue", "retry", 4).code == 1


def test_pausing_is_shown(command: Command, project: MakeProject) -> None:
    """A paused queue says so, and how to go on."""
    project(1)
    command("queue", "pause")
    assert "queue resume" in command("queue", "list").out
    command("queue", "resume")
    assert "queue resume" not in command("queue", "list").out


def test_a_long_queue_is_listed_in_part(command: Command, project: MakeProject) -> None:
    """People see the first ones and how many there are; programs get what they ask for."""
    project(4)
    command("submit", "--all", "--scripts", "weigh")
    assert "... and 1 more" in command("queue", "list", "--limit", 3).out
    assert len(command("queue", "list", "--json", "--limit", 3).json) == 3
    assert len(command("queue", "list", "--json").json) == 4
