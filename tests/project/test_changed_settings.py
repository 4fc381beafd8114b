"""Settings are changed as a person would, or not at all; what that does is said before."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryobatch.errors import ConflictError, CryobatchError, UsageError
from cryobatch.formats.settings_file import parse_project
from cryobatch.model import RunRecord
from cryobatch.model.settings import ProjectSettings
from cryobatch.processing.image_folder import read_record, write_record
from cryobatch.project import Project
from cryobatch.project.entries import PLAIN
from cryobatch.project.entries import Path as Setting
from cryobatch.project.settings_file import SettingsFile, parse_value
from cryobatch.store.settings import get_setting
from tests.projects import make_project

NUMBER = ("processors", "number")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Make a project with a few settings and a site with others."""
    (tmp_path / "site.toml").write_text(
        "[processors]\nthreads = 3\n\n[parameters.align]\npatches = 7\n\n[acquisition]\ncs = 2.7\n"
    )
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    text = "# by hand\n[processors]\nnumber = 2  # two are enough\n"
    with make_project(tmp_path / "project", 3, settings=text) as made:
        yield made


def test_what_holds_is_told_with_who_says_so(project: Project) -> None:
    """The project, else the site, else the default; and what would hold without the project."""
    layers = SettingsFile(project).read().layers
    found = {one.name: one for one in (*layers.plain(), *layers.facts(), *layers.parameters())}
    number, threads = found["processors.number"], found["processors.threads"]
    assert (number.value, number.source, number.usual) == (2, "project", None)
    assert (threads.value, threads.source, threads.usual_source) == (3, "site", "site")
    patches = found["parameters.align.patches"]
    assert (patches.value, patches.source, patches.low, patches.high) == (7, "site", 1, 9)
    assert (found["acquisition.cs"].value, found["acquisition.cs"].unit) == (2.7, "mm")
    assert found["queue.max_losses"].value == 3


def test_everything_that_the_file_may_hold_can_be_set() -> None:
    """Each key is known by the file's reader, and each of its keys is offered."""
    members = {"import": "importing", "copy": "copying"}
    hints = {one.name: one for one in dataclasses.fields(ProjectSettings)}
    identity = {"project": {"name": "a", "id": "b", "created_at": "c"}}
    defaults = parse_project(identity)
    for table, keys in PLAIN.items():
        if table != "project":
            record = getattr(defaults, members.get(table, table))
            assert {one.name for one in dataclasses.fields(record)} == set(keys), table
    others = {"name", "id", "created_at", "acquisition", "workflows", "default_workflows",
              "categories", "parameters", "place"}  # fmt: skip
    assert set(hints) - others == {members.get(t, t) for t in PLAIN if t != "project"}


def test_a_change_keeps_what_people_wrote(project: Project) -> None:
    """It holds at once, in this process and for those who watch; comments stay."""
    file = SettingsFile(project)
    before = file.read()
    changes = {NUMBER: 4, ("parameters", "align", "patches"): 3, ("workflows", "one"): ["measure"]}
    version = file.change(changes, before.version)
    text = project.place.settings.read_text()
    assert "# by hand\n[processors]\nnumber = 4  # two are enough\n" in text
    assert "[parameters.align]\npatches = 3\n" in text
    assert project.settings.processors.number == 4
    assert project.settings.workflows["one"] == ("measure",)
    assert file.read().version == version
    with project.database.reading() as r:
        assert get_setting(r, "settings_version") == version
    file.change(dict.fromkeys(changes), version)
    assert project.settings.parameters == {}
    assert project.settings.processors.number is None


def test_what_somebody_else_changed_is_not_overwritten(project: Project) -> None:
    """Whoever looked before that is told, and the file stays."""
    file = SettingsFile(project)
    seen = file.read().version
    text = project.place.settings.read_text().replace("number = 2", "number = 8")
    project.place.settings.write_text(text)
    with pytest.raises(ConflictError, match="meanwhile"):
        file.change({NUMBER: 4}, seen)
    assert project.place.settings.read_text() == text


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (NUMBER, 0, "a number from 1"),
        (NUMBER, "many", "a number from 1"),
        (("parameters", "align", "patches"), 10, "from 1 to 9"),
        (("parameters", "align", "nothing"), 1, "no parameter of align"),
        (("parameters", "nobody", "x"), 1, "no script"),
        (("workflows", "bad"), ["nobody"], "no script"),
        (("workflows", "bad"), [], "at least one script"),
        (("workflows", "bad"), "measure", "list of scripts"),
        (("default_workflows", "movie"), "nobody", "no workflow"),
        (("acquisition", "pixel_size"), -1, "pixel_size"),
        (("acquisition", "nothing"), 1, "no acquisition fact"),
        (("import", "pattern"), "{", "pattern"),
        (("project", "id"), "other", "cannot be set"),
        (("place", "host"), "other", "cannot be set"),
        (("nothing",), 1, "cannot be set"),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    project: Project, path: Setting, value: object, words: str
) -> None:
    """Before the file is touched, by a look at them as well as by the change itself."""
    file = SettingsFile(project)
    text = project.place.settings.read_text()
    for act in (file.preview, file.change):
        with pytest.raises(CryobatchError, match=words):
            act({path: value})
    assert project.place.settings.read_text() == text


def test_effects_are_said_before(project: Project) -> None:
    """How many results become stale, what holds for the future, what begins anew."""
    run = RunRecord("1", "f", {}, {}, "h", "p", 1, "2026-01-01T00:00:00Z", 1.0, 1, {})
    for one in (1, 2):
        folder = project.images.folder(one)
        values = {"align": {"drift_path": 5.0}}
        record = dataclasses.replace(read_record(folder), runs={"align": run}, values=values)
        write_record(folder, record)
    project.images.index([1, 2, 3])
    file = SettingsFile(project)
    change: dict[Setting, object] = {("parameters", "align", "patches"): 3}
    assert "up to 2 images" in " ".join(file.preview(change))
    group = project.images.folder(1).parent / "group.toml"
    other = group.parent.with_name(f"{group.parent.name}_2") / group.name
    other.parent.mkdir()
    other.write_text("[parameters.align]\npatches = 9\n")
    assert "up to 2 images" in " ".join(file.preview(change)), "groups' names may be alike"
    group.write_text("[parameters.align]\npatches = 9\n")
    assert file.preview(change) == ["No result becomes stale by it."]
    assert "begin anew" in " ".join(file.preview({("processors", "threads"): 2}))
    assert "from now on" in " ".join(file.preview({("workflows", "one"): ["measure"]}))


def test_a_command_line_says_the_same(project: Project) -> None:
    """Numbers, lists, yes and no in words; what is no setting is told."""
    layers = SettingsFile(project).read().layers
    texts = ["processors.number=4", "workflows.quick=measure, pick", "history.keep_products=yes",
             "project.name=New name", "parameters.align.patches=2"]  # fmt: skip
    assert parse_value(texts, layers) == {
        NUMBER: 4, ("workflows", "quick"): ["measure", "pick"],
        ("history", "keep_products"): True, ("project", "name"): "New name",
        ("parameters", "align", "patches"): 2,
    }  # fmt: skip
    for wrong in ("processors.number", "processors.number=four", "processors.nothing=1"):
        with pytest.raises(UsageError):
            parse_value([wrong], layers)
