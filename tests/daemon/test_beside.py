"""Folders are followed beside one another: what is slow in one does not hinder the others."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cryobatch.daemon.importer import Importer
from cryobatch.daemon.turns import Turns
from cryobatch.importing import Recording, Take
from cryobatch.importing.watching.settle import Patience
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.watching import Orders
from cryobatch.store.watching import FileState
from tests.daemon.running import wait_for
from tests.daemon.watched import PICK, write_micrograph

QUICK = Patience(fast_s=0.05, patient_s=1.0)
SLOW = Orders(choice=PICK, take=Take.COPY, rate_mb_s=1e-5, patience=QUICK)
LINK = Orders(choice=PICK, patience=QUICK)


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings out, and let copies of small files be slow ones."""
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    monkeypatch.setattr("cryobatch.importing.copying.CHUNK_BYTES", 100)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Return a project that knows its pixel size."""
    with Project.create(tmp_path / "project", facts={"pixel_size": 1.5}) as made:
        yield made


@pytest.fixture
def importer(project: Project) -> Iterator[Importer]:
    """Return an importer that works."""
    working = Importer(project)
    working.start()
    yield working
    working.stop()


def names(project: Project) -> set[str]:
    """Return the names of all images."""
    return {str(row["name"]) for row in project.images.rows()}


def copy_slowly(project: Project, folder: Path, name: str) -> Path:
    """Watch a folder whose one recording takes a minute; returns when its copy has begun."""
    folder.mkdir(exist_ok=True)
    write_micrograph(folder / name)
    project.watching.add(folder, SLOW)
    beside = project.place.images / folder.name / Path(name).stem / f".{name}.new"
    wait_for(beside.exists, "the beginning of the copy")
    return beside


@pytest.mark.usefixtures("importer")
def test_a_link_does_not_wait_for_a_copy(project: Project, tmp_path: Path) -> None:
    """However long the copy of another folder takes."""
    copy_slowly(project, tmp_path / "slow", "large.mrc")
    quick = tmp_path / "quick"
    quick.mkdir()
    watched = project.watching.add(quick, LINK)
    write_micrograph(quick / "small.mrc", 2)
    report = partial(project.watching.report, watched)
    wait_for(lambda: report().counts[FileState.IMPORTED] == 1, "the link", 20)
    assert names(project) == {"small"}


@pytest.mark.usefixtures("importer")
def test_what_is_being_copied_is_not_taken_by_another_folder(
    project: Project, tmp_path: Path
) -> None:
    """A folder that is watched twice, and an image of the same name: none is lost or doubled."""
    inner = tmp_path / "outer" / "frames"
    inner.parent.mkdir()
    copy_slowly(project, inner, "a.mrc")
    (tmp_path / "other" / "frames").mkdir(parents=True)
    write_micrograph(tmp_path / "other" / "frames" / "a.mrc", 2)
    write_micrograph(inner / "b.mrc", 3)
    project.watching.add(inner.parent, LINK)
    other = project.watching.add(tmp_path / "other", LINK)
    wait_for(lambda: "b" in names(project), "what nobody copies", 20)
    wait_for(lambda: project.watching.listing()[-1].settling(works=True) == 1, "the same name")
    assert names(project) == {"b"}
    project.watching.add(inner, LINK)
    wait_for(lambda: names(project) == {"a", "a_2", "b"}, "all three", 20)
    report = partial(project.watching.report, other)
    wait_for(lambda: report().counts[FileState.IMPORTED] == 1, "that it is noted", 20)
    assert [row.text for row in project.log.page(limit=100) if row.level is Level.ERROR] == []


@pytest.mark.usefixtures("importer")
def test_new_orders_end_a_copy_at_once(project: Project, tmp_path: Path) -> None:
    """Who wants a link after all does not wait for the copy."""
    beside = copy_slowly(project, tmp_path / "slow", "a.mrc")
    project.watching.add(tmp_path / "slow", LINK)
    wait_for(lambda: names(project) == {"a"}, "the link", 20)
    (row,) = project.images.rows()
    path = project.images.record(int(str(row["id"]))).image.root_file
    assert path == str(tmp_path / "slow" / "a.mrc")
    assert not beside.exists()


def test_so_many_copies_go_on_at_the_same_time_and_no_more() -> None:
    """The others wait without keeping their turns."""
    turns = Turns(copies_at_once=1)
    inside, enough, second = threading.Event(), threading.Event(), threading.Event()

    def copy(begun: threading.Event) -> None:
        with turns.held(), turns.aside():
            begun.set()
            enough.wait(20)

    threads = [threading.Thread(target=copy, args=(event,)) for event in (inside, second)]
    threads[0].start()
    assert inside.wait(20)
    threads[1].start()
    with turns.held():
        assert not second.is_set()
    enough.set()
    assert second.wait(20)
    for thread in threads:
        thread.join()


def test_claims_keep_names_and_recordings_apart(tmp_path: Path) -> None:
    """The same recording, the same name, and what the second of that name would be called."""

    def recording(source_id: str, name: str, group: str = "g") -> Recording:
        return Recording(tmp_path, name, group, "movie", 1, 1, 1, None, {}, source_id)

    turns = Turns()
    with turns.claiming([recording("1", "a"), recording("2", "a")]) as free:
        assert free == [True, True]
        others = [("1", "z", "g"), ("3", "a", "g"), ("4", "a_2", "g"), ("5", "a_x", "g"),
                  ("6", "ab", "g"), ("7", "a", "h")]  # fmt: skip
        with turns.claiming([recording(*one) for one in others]) as rest:
            assert rest == [False, False, False, True, True, True]
    with turns.claiming([recording("1", "a")]) as free:
        assert free == [True]
