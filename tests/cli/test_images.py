"""A person at the command line sees all images and corrects what they know better."""

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cryobatch.model import ImageRecord
from cryobatch.project import Selection
from cryobatch.store.fields import COLUMNS
from tests.cli.command_line import Command
from tests.cli.test_queue_commands import MakeProject
from tests.cli.test_working import CRYOBATCH
from tests.daemon.running import wait_for


def rows(command: Command, *arguments: str) -> dict[int, dict[str, object]]:
    """Return the library by id."""
    return {row["id"]: row for row in command("library", "--json", *arguments).json}


def test_the_library_has_what_others_rely_on(command: Command, project: MakeProject) -> None:
    """One object an image, with id, name, group, state and flag."""
    project(2)
    found = rows(command)
    assert found[2]["name"] == "image_2"
    assert {"id", "name", "group", "state", "flag"} <= set(found[1])
    assert command("library", "--limit", "1").out.splitlines()[-1] == "... and 1 more (see --limit)"
    chosen = command("library", "--columns", "name,weight", "--sort", "-id", "--json").json
    assert chosen == [
        {"name": "image_2", "weight": None}, {"name": "image_1", "weight": None},
    ]  # fmt: skip
    unknown = command("library", "--columns", "naem")
    assert (unknown.code, "known: name" in unknown.err) == (2, True)
    assert command("library", "--where", "id < 1").out == "no image fulfils this\n"


def test_every_field_that_a_filter_knows_can_be_listed(
    command: Command, project: MakeProject
) -> None:
    """Comments, sources and the trash can be shown as they can be asked for."""
    project(2)
    command("image", "comment", "thick ice", "--images", "1")
    command("image", "trash", "--images", "1")
    asked = ("library", "--where", "trashed", "--columns", "name,comment,trashed,frames")
    assert command(*asked, "--json").json == [
        {"name": "image_1", "comment": "thick ice", "trashed": True, "frames": 1}
    ]
    assert command(*asked).out.splitlines()[1].split() == ["image_1", "thick", "ice", "yes", "1"]
    for name in COLUMNS:
        assert command("library", "--columns", name).code == 0


def test_a_fact_is_corrected_for_a_range(command: Command, project: MakeProject) -> None:
    """The correction is shown with where it came from, and can be taken back."""
    project(3)
    assert command("image", "set", "pixel_size=1.25", "--images", "2", "3").out == (
        "2 images corrected\n"
    )
    assert "pixel_size = 1.25  (a person)" in command("image", "show", "image_2").out
    assert "pixel_size = 1.5  (header)" in command("image", "show", 1).out
    assert command("image", "restore", "pixel_size", "--all").out == "2 images changed\n"
    assert "(a person)" not in command("image", "show", "square/image_2").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("set", "pixel_size=wide", "--all"),
        ("set", "pixel_sice=1", "--all"),
        ("set", "pixel_size", "--all"),
        ("set", "pixel_size=1"),
        ("restore", "weight", "--all"),
        ("flag", "blue", "--all"),
        ("lock", "wieght=3", "--all"),
        ("parameters", "set", "weigh.factor=99", "--all"),
        ("parameters", "set", "weigh.factor=2", "--all", "--group", "square"),
    ],
)
def test_mistakes_are_wrong_usage(
    command: Command, project: MakeProject, arguments: tuple[str, ...]
) -> None:
    """What cannot be meant changes nothing."""
    project(1)
    before = command("image", "show", 1, "--json").json
    assert command("image", *arguments).code == 2
    assert command("image", "show", 1, "--json").json == before


def test_values_are_locked_and_unlocked(command: Command, project: MakeProject) -> None:
    """A locked value is that of the library until it is unlocked."""
    project(1)
    command("image", "lock", "weight=7.5", "--all")
    assert rows(command)[1]["weight"] == 7.5
    command("image", "unlock", "weight", "--all")
    assert rows(command)[1]["weight"] is None


def test_a_value_that_is_not_there_is_not_locked_in_silence(
    command: Command, project: MakeProject
) -> None:
    """Whoever locks a value as it is learns that there is none, and how to give one."""
    project(2)
    answer = command("image", "lock", "weight", "--all")
    assert (answer.code, answer.out) == (0, "0 images changed\n")
    assert "2 images without such a value" in answer.err
    assert command("image", "lock", "weight=2", "--all").err == ""


def test_flags_comments_and_the_trash(command: Command, project: MakeProject) -> None:
    """What a person says is shown, and can be asked for."""
    project(2)
    command("image", "flag", "red", "--images", "1")
    command("image", "comment", "ice, see notes", "--images", "1")
    assert list(rows(command, "--where", 'flag == "red" and "ice" in comment')) == [1]
    assert "comment: ice, see notes" in command("image", "show", 1).out
    command("image", "flag", "none", "--all")
    assert rows(command)[1]["flag"] is None
    command("image", "trash", "--images", "1")
    assert list(rows(command)) == [2]
    command("image", "trash", "--back", "--where", "trashed")
    assert list(rows(command)) == [1, 2]


def test_the_whole_trash_is_taken_back(command: Command, project: MakeProject) -> None:
    """With --back images are looked for in the trash, nowhere else."""
    project(3)
    command("image", "trash", "--images", "1-2")
    assert command("image", "trash", "--back", "--where", "id == 2 or id == 3").out == (
        "1 image changed\n"
    )
    command("image", "trash", "--images", "2")
    assert command("image", "trash", "--back", "--all").out == "2 images changed\n"
    assert list(rows(command)) == [1, 2, 3]
    assert command("image", "trash", "--back", "--all", "--where", "stale").code == 2
    assert command("image", "trash", "--back").code == 2


def test_an_image_is_shown_as_a_person_says_it(command: Command, project: MakeProject) -> None:
    """One frame is no frames, and a text that is empty is said to be."""
    made = project(1)

    def judge(record: ImageRecord) -> ImageRecord:
        return replace(record, values={"judge": {"quality_reasons": ""}})

    made.images.update(Selection(everything=True), judge)
    shown = command("image", "show", 1).out
    assert ", 1 frame\n" in shown
    assert "  quality_reasons = (empty)\n" in shown


def test_parameters_of_images_and_groups(command: Command, project: MakeProject) -> None:
    """Parameters are kept in the image's or the group's file."""
    made = project(1)
    command("image", "parameters", "set", "weigh.factor=2.5", "--all")
    assert command("image", "show", 1, "--json").json["parameters"] == {"weigh": {"factor": 2.5}}
    command("image", "parameters", "set", "weigh.factor=3.5", "--group", "square")
    assert "3.5" in (made.place.images / "square" / "group.toml").read_text()
    assert command("image", "parameters", "set", "weigh.factor=1", "--group", "round").code == 2


def test_an_image_that_does_not_follow_its_group_is_told(
    command: Command, project: MakeProject
) -> None:
    """An image's own value comes first: it is said and shown, and can be taken back."""
    made = project(2)
    command("image", "parameters", "set", "weigh.factor=2.5", "--images", 1)
    assert "weigh.factor = 2.5" in command("image", "show", 1).out
    answer = command("image", "parameters", "set", "weigh.factor=3.5", "--group", "square")
    assert answer.code == 0
    assert "1 image of the group has its own value of weigh.factor" in answer.err
    assert command("image", "parameters", "unset", "weigh.facter", "--all").code == 2
    taken = command("image", "parameters", "unset", "weigh.factor", "--all")
    assert taken.out == "1 image changed\n"
    assert "weigh.factor" not in command("image", "show", 1).out
    answer = command("image", "parameters", "unset", "weigh.factor", "--group", "square")
    assert (answer.code, answer.err) == (0, "")
    assert "3.5" not in (made.place.images / "square" / "group.toml").read_text()


def test_a_parameter_that_is_none_any_more_is_taken_back(
    command: Command, project: MakeProject
) -> None:
    """Else images with it would fail for ever; by hand there may be thousands of them."""
    made = project(1)
    command("image", "parameters", "set", "weigh.factor=2.5", "--all")
    command("image", "parameters", "set", "weigh.factor=2.5", "--group", "square")
    script = made.place.scripts / "weigh.sh"
    script.write_text(script.read_text().replace("parameters.factor", "parameters.share"))
    for which in (("--all",), ("--group", "square")):
        words = ("image", "parameters", "unset", "weigh.factor", *which)
        assert command(*words).code == 0
        assert (again := command(*words)).code == 2
        assert "no parameter of weigh is called 'factor'; known: share" in again.err


def test_an_images_own_wrong_parameters_are_told_with_the_way_out(
    command: Command, project: MakeProject
) -> None:
    """With its file; also a table for a script that is not there, which nothing else would tell."""
    made = project(2)
    file = made.images.folder(2) / "image.toml"
    with file.open("a") as text:
        text.write("[parameters.wiegh]\nfactor = 2\n[parameters.weigh]\nfactor = 99\nshare = 1\n")
    told = command("image", "show", 2).err.splitlines()
    where = file.relative_to(made.place.folder)
    assert len(told) == 3
    for line, table, name in zip(told, ("wiegh", "weigh", "weigh"), ("factor", "factor", "share"),
                                 strict=True):  # fmt: skip
        assert line.startswith(f"cryobatch: {where}: [parameters.{table}]: ")
        way = f"image parameters unset {table}.{name} --images 2"
        assert line.endswith(f"take it back with: cryobatch {way}")
        assert command(*way.split()).out == "1 image changed\n"
    assert command("image", "show", 2).err == ""
    assert command("image", "parameters", "unset", "wiegh.factor", "--images", "2").code == 2


def open_for_reader(pipe: Path, opened: list[int]) -> bool:
    """Open a pipe for writing, add its descriptor, and tell whether somebody reads it."""
    try:
        opened.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def test_a_change_that_is_stopped_by_ctrl_c_leaves_nothing_half_done(
    command: Command, project: MakeProject
) -> None:
    """Files and library are in step, the text says what to do, and that does the others."""
    made = project(3)
    file = made.images.folder(2) / "image.toml"
    content = file.read_bytes()
    file.unlink()
    os.mkfifo(file)  # whoever reads it waits for us
    words = ("--project", str(made.place.folder), "image", "flag", "red", "--all")
    with subprocess.Popen([*CRYOBATCH, *words], stderr=subprocess.PIPE, text=True) as process:
        opened: list[int] = []
        wait_for(lambda: process.poll() is not None or open_for_reader(file, opened), "the reader")
        process.send_signal(signal.SIGINT)
        os.write(opened[0], content)
        os.close(opened[0])
        told = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "changing: stopped" in told
    assert "the same command does the others" in told
    ids = (1, 2, 3)
    flags = {one: made.images.record(one).flag() for one in ids}
    assert flags == {one: row["flag"] for one, row in rows(command).items()}
    assert command(*words[2:]).code == 0
    assert {made.images.record(one).flag() for one in ids} == {"red"}


def test_a_wrong_lock_is_told_to_a_person(command: Command, project: MakeProject) -> None:
    """No script gave it: the text says what the value takes; a quality is a flag."""
    project(1)
    answer = command("image", "lock", "weight=banana", "--all")
    assert (answer.code, "script" in answer.err) == (2, False)
    assert "it takes a number from 0 bytes" in answer.err
    answer = command("image", "lock", "quality=blue", "--all")
    assert (answer.code, "green, amber, red" in answer.err) == (2, True)
    assert command("image", "lock", "quality=amber", "--all").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("image", "flag", "red", "--images", "5-2"), "the range is empty, write 2-5"),
        (("image", "flag", "red", "--all", "--images", "1"), "in more than one way"),
        (("library", "--columns", ""), "--columns names no column"),
        (("library", "--where", "foo"), "no field of the library is called 'foo'"),
    ],
)
def test_what_is_wrong_with_a_choice_is_said(
    command: Command, project: MakeProject, arguments: tuple[str, ...], says: str
) -> None:
    """The text is about what was typed."""
    project(1)
    answer = command(*arguments)
    assert (answer.code, says in answer.err) == (2, True), answer.err


def test_a_library_cut_off_at_nothing_is_not_empty(command: Command, project: MakeProject) -> None:
    """Images that are not shown are counted."""
    project(2)
    assert command("library", "--limit", 0).out == "... and 2 more (see --limit)\n"


def test_an_unknown_image_is_told(command: Command, project: MakeProject) -> None:
    """Neither a wrong id nor a wrong name is an empty answer."""
    project(1)
    assert command("image", "show", 7).code in {1, 2}
    assert command("image", "show", "image_7").code in {1, 2}


def test_scripts_are_listed_shown_and_checked(command: Command, project: MakeProject) -> None:
    """A laboratory's script stands beside the built-in ones; a broken one is reported."""
    made = project(0)
    names = [row["name"] for row in command("scripts", "list", "--json").json]
    assert {"weigh", "fit_ctf", "pick_particles"} <= set(names)
    assert names.index("fit_ctf") < names.index("weigh")
    shown = command("scripts", "show", "weigh").out
    assert "a number from 0 to 10 g" in shown
    assert "Size of the file." in shown
    assert command("scripts", "show", "wiegh").code == 2
    (made.place.scripts / "broken.py").write_text("import nothing_of_that_name\n")
    listed = command("scripts", "list")
    assert "broken.py" in listed.err
    assert "weigh" in listed.out
    assert command("scripts", "check").code == 1


def test_every_workflow_is_checked_and_a_broken_script_explained(
    command: Command, project: MakeProject
) -> None:
    """Also one that no image has by default; what is broken is told where it is asked for."""
    made = project(1)
    (made.place.scripts / "imp.py").write_text("import nothing_of_that_name\n")
    answer = command("submit", "--all", "--scripts", "imp")
    assert answer.code == 2
    assert "imp.py" in answer.err
    assert "nothing_of_that_name" in answer.err
    (made.place.scripts / "imp.py").unlink()
    before = made.place.settings.read_text()
    broken = '[workflows]\nfine = ["weigh"]\nbroken = ["weigh", "nonsense"]\n'
    made.place.settings.write_text(before.replace("[workflows]\n", broken))
    answer = command("scripts", "check")
    assert answer.code == 1
    assert "workflow broken: no script is called 'nonsense'" in answer.err
    assert "workflow fine" not in answer.err


def test_a_script_of_an_unknown_category_cannot_be_used(
    command: Command, project: MakeProject
) -> None:
    """Check, list and doctor name the nearest category; a project's own ones are valid."""
    path = project(0).place.scripts / "weigh.sh"
    path.write_text(path.read_text().replace("Calculate Statistics", "Calculate Statistic"))
    checked = command("scripts", "check")
    assert (checked.code, "weigh.sh: " in checked.err) == (1, True)
    assert "'Calculate Statistic'; known: Calculate Statistics, " in checked.err
    number = int(checked.out.split()[0])
    listed = command("scripts", "list")
    assert "known: Calculate Statistics" in listed.err
    doctor = command("doctor", "--json").json
    assert any("known: Calculate Statistics" in row["text"] for row in doctor)
    settings = Path(os.environ["CRYOBATCH_PROJECT"]) / "project.toml"
    own = '\n[categories]\n"Calculate Statistic" = "Fit CTF"\n'
    settings.write_text(settings.read_text() + own)
    assert command("scripts", "check").out == f"{number + 1} scripts can be used\n"
    names = [row["name"] for row in command("scripts", "list", "--json").json]
    assert names.index("fit_ctf") < names.index("weigh") < names.index("pick_particles")


def test_scripts_are_listed_without_a_project(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The built-in scripts can be seen anywhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CRYOBATCH_PROJECT", raising=False)
    assert "fit_ctf" in command("scripts", "list").out
    assert "parameters" in command("scripts", "show", "fit_ctf").out


@pytest.mark.parametrize("language", ["python", "shell"])
def test_a_new_script_can_be_used_as_it_is(
    command: Command, project: MakeProject, language: str
) -> None:
    """The example is a script, and a name is given once."""
    project(0)
    made = command("scripts", "new", "measure_it", "--language", language)
    assert made.code == 0
    shown = command("scripts", "show", "measure_it")
    assert (shown.code, "measure_it_" in shown.out) == (0, True)
    assert command("scripts", "new", "measure_it", "--language", language).code == 2
    assert command("scripts", "new", "no name").code == 2
