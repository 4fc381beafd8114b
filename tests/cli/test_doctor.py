"""The doctor finds what is not well, and builds the library again."""

import shutil
from pathlib import Path

import pytest

from cryobatch.daemon.lock import hold_lock
from cryobatch.store import processors
from cryobatch.store.processors import ProcessorRow
from tests.cli.command_line import Command
from tests.cli.test_queue_commands import MakeProject


def verdicts(command: Command) -> dict[str, str]:
    """Return the verdict of each thing; the worst of several."""
    found: dict[str, str] = {}
    for row in command("doctor", "--json").json:
        if found.get(row["thing"]) != "bad":
            found[row["thing"]] = row["verdict"]
    return found


def test_a_sound_project_is_well(command: Command, project: MakeProject) -> None:
    """Nothing is bad, and the exit code says so."""
    project(2)
    assert command("doctor").code == 0
    assert "bad" not in verdicts(command).values()


def test_missing_folders_and_broken_scripts_are_found(
    command: Command, project: MakeProject
) -> None:
    """What is not as the library says is bad; a broken script is a warning."""
    made = project(2)
    (made.place.scripts / "broken.py").write_text("import nothing_of_that_name\n")
    assert verdicts(command)["scripts"] == "warning"
    shutil.rmtree(made.images.folder(2))
    assert command("doctor").code == 1
    assert verdicts(command)["library"] == "bad"
    assert "cryobatch image trash --images 2" in command("doctor").out
    assert command("image", "trash", "--images", 2).out == "1 image changed\n"
    assert verdicts(command)["library"] == "good"
    assert command("image", "trash", "--images", 2, "--back").code == 0
    assert verdicts(command)["library"] == "bad"


def test_batches_that_nobody_works_on_are_told(command: Command, project: MakeProject) -> None:
    """A daemon that was killed leaves its marks; processors are lost, and all say what to do."""
    made = project(1)
    command("submit", "--all", "--scripts", "weigh")
    with made.database.transaction() as t:
        t.execute("UPDATE batch SET state = 'running', processor = 'local-1'")
        processors.show(t, [ProcessorRow("local-1", "busy", 0.0, 1, 1)])
    assert verdicts(command)["daemon"] == "warning"
    listed = command("queue", "list")
    assert "no daemon works here: start 'cryobatch serve'" in listed.err
    assert "1 batch marked as running" in listed.err
    assert command("queue", "list", "--json").err == ""
    shown = command("processors")
    assert ("lost" in shown.out, "busy" in shown.out) == (True, False)
    assert "no daemon works here" in shown.err
    assert command("processors", "--json").json[0]["state"] == "lost"
    assert command("processors", "kill", "local-1").code == 1
    with hold_lock(made.place.lock, "serve", "now"):
        assert command("processors", "--json").json[0]["state"] == "busy"
        assert command("queue", "list").err == ""


def test_the_library_is_built_again(command: Command, project: MakeProject) -> None:
    """Without a database everything that the images' files hold comes back."""
    made = project(3)
    command("image", "flag", "red", "--images", 2)
    command("image", "trash", "--images", 3)
    before = command("library", "--where", "true or trashed", "--json").json
    made.close()
    made.place.database.unlink()
    missing = command("library")
    assert (missing.code, "doctor --rebuild" in missing.err) == (1, True)
    assert command("doctor", "--rebuild").code == 0
    assert command("library", "--where", "true or trashed", "--json").json == before


def test_an_unreadable_parameter_file_is_named(command: Command, project: MakeProject) -> None:
    """The other images are in the library all the same."""
    made = project(2)
    (made.images.folder(1) / "image.toml").write_text("no [ toml")
    made.close()
    command("watch", "add", made.place.folder / "later", "--no-submit")
    made.place.database.unlink()
    answer = command("doctor", "--rebuild")
    assert answer.code == 1
    assert "watched again: 1 folder\n" in answer.out
    assert command("watch", "list", "--json").json[0]["place"] == "not queued"
    assert "image_1" in answer.err
    assert [row["id"] for row in command("library", "--json").json] == [2]


def test_faults_in_the_sites_file_are_told(
    command: Command, project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By list, check, doctor and run; a script that another project may have is no failure."""
    settings = project(1).place.settings
    settings.write_text(settings.read_text().partition("[workflows]")[0])
    site = tmp_path / "site.toml"
    site.write_text("[parameters.wiegh]\nfactor = 2\n")
    for words, code in (("scripts list", 0), ("scripts check", 0), ("run", 0)):
        answer = command(*words.split())
        assert answer.code == code
        assert (
            f"{site}: [parameters.wiegh]: no script is called 'wiegh'; known: weigh" in answer.err
        )
    doctor = command("doctor", "--json")
    assert doctor.code == 0
    found = {row["thing"]: row for row in doctor.json}
    assert found["parameters"]["verdict"] == "warning"
    assert found["site"]["text"] == str(site)
    site.write_text("[parameters.weigh]\nfactor = 20\n")
    for words, code in (("scripts check", 1), ("submit --all --scripts weigh", 1), ("doctor", 1)):
        answer = command(*words.split())
        assert answer.code == code
        assert f"{site}: [parameters.weigh]: weigh.factor = 20" in answer.err + answer.out
    site.write_text("[parameters.wiegh]\nfactor = 2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CRYOBATCH_PROJECT")
    assert f"{site}: [parameters.wiegh]" in command("scripts", "list").err
