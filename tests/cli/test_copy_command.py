"""Results are copied, and a person sees how that gets on, by command."""

from pathlib import Path

from tests.cli.command_line import Command
from tests.cli.test_queue_commands import MakeProject


def test_results_are_copied_here_and_counted(
    command: Command, project: MakeProject, tmp_path: Path
) -> None:
    """Without a daemon ``copy now`` does it; what cannot be copied is told with its image."""
    made = project(2)
    off = command("copy", "status", "--json").json
    assert (off["state"], off["to"], off["due"]) == ("off", None, 0)
    assert "nothing is copied" in command("copy", "status").out
    assert command("copy", "now").code == 2
    central = tmp_path / "central"
    settings = made.place.settings
    settings.write_text(settings.read_text() + f'[copy]\nto = "{central}"\n')
    command("submit", "--all", "--scripts", "weigh")
    command("image", "flag", "green", "--all")
    assert command("copy", "status", "--json").json["due"] == 2
    broken = made.images.folder(2) / "image.toml"
    text = broken.read_text()
    broken.write_text("no TOML")
    copied = command("copy", "now")
    assert copied.code == 1
    assert "image.toml" in copied.err
    assert (central / "images" / "square" / "image_1" / "image.toml").is_file()
    status = command("copy", "status", "--json").json
    assert (status["images"], status["due"], status["state"]) == (1, 1, "no daemon")
    assert [row["name"] for row in status["failed"]] == ["image_2"]
    broken.write_text(text)
    assert command("copy", "now", "--again").code == 0
    assert f"to {central}: no daemon\n2 images copied" in command("copy", "status").out


def test_a_place_that_is_away_is_told(
    command: Command, project: MakeProject, tmp_path: Path
) -> None:
    """With the reason, and code 1."""
    made = project(1)
    settings = made.place.settings
    settings.write_text(settings.read_text() + f'[copy]\nto = "{tmp_path}/no/disk"\n')
    command("image", "flag", "green", "--all")
    answer = command("copy", "now")
    assert answer.code == 1
    assert "no/disk is not there" in answer.err
    status = command("copy", "status", "--json").json
    assert status["state"] == "away"
    assert "is not there" in status["reason"]
