"""The importer takes in what has settled, once, and says what it cannot take."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryobatch.daemon.importer import Importer
from cryobatch.importing import Take
from cryobatch.importing.watching.patterns import Patterns
from cryobatch.importing.watching.settle import FAST_S, PATIENT_S
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.watching import Orders
from cryobatch.store.watching import FileState
from tests.daemon.running import wait_for
from tests.daemon.watched import PICK, Session, write_micrograph


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings out."""
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder of a microscope."""
    made = tmp_path / "microscope"
    made.mkdir()
    return made


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Return a project that knows its pixel size."""
    with Project.create(tmp_path / "project", facts={"pixel_size": 1.5}) as made:
        yield made


@pytest.fixture
def session(project: Project, folder: Path) -> Iterator[Session]:
    """Return a project that watches the folder."""
    begun = Session.begin(project, folder)
    yield begun
    begun.importer.close()


def test_takes_what_has_settled_once(session: Session) -> None:
    """A whole recording is imported when it was unchanged for a moment, and only once."""
    path = write_micrograph(session.folder / "a.mrc")
    session.pass_time(FAST_S / 2)
    assert session.names() == []
    session.pass_time(FAST_S)
    for _ in range(3):
        session.pass_time(PATIENT_S)
    assert session.names() == ["a"]
    assert len(session.project.queue.listing()) == 1
    assert path.exists()


def test_age_says_nothing(session: Session) -> None:
    """Files of the future and of long ago have to be seen unchanged like every other."""
    for name, moment in (("old", 0), ("new", 4_000_000_000)):
        path = write_micrograph(session.folder / f"{name}.mrc", moment)
        os.utime(path, (moment, moment))
    session.pass_time(FAST_S / 2)
    assert session.names() == []
    session.pass_time(FAST_S)
    assert session.names() == ["new", "old"]


def test_what_was_there_before_comes_in_the_order_in_which_it_was_written(
    session: Session,
) -> None:
    """However the folder lists it; of one moment, as people number names."""
    moments = {"c": 30, "a": 20, "b": 10, "m10": 40, "m9": 40, "m2": 40}
    for seed, (name, moment) in enumerate(moments.items()):
        path = write_micrograph(session.folder / f"{name}.mrc", seed)
        os.utime(path, (moment, moment))
    session.pass_time(FAST_S * 2)
    rows = session.project.images.rows()
    names = [str(row["name"]) for row in sorted(rows, key=lambda row: int(str(row["id"])))]
    assert names == ["b", "a", "c", "m2", "m9", "m10"]
    assert [row.batch.image_id for row in session.project.queue.listing()] == [1, 2, 3, 4, 5, 6]


def test_growing_file_is_left_alone(session: Session) -> None:
    """As long as it changes nobody opens it, however long that takes."""
    whole = write_micrograph(session.folder / "whole.bin").read_bytes()
    path = session.folder / "a.mrc"
    for count in range(200, len(whole) + 1, 50):
        path.write_bytes(whole[:count])
        session.pass_time(FAST_S * 0.9)
        assert session.names() == []
    path.write_bytes(whole)
    session.pass_time(FAST_S * 2)
    assert session.names() == ["a"]


def test_unfinished_file_is_listed_once_and_taken_when_whole(session: Session) -> None:
    """What stops growing is listed with what is missing, told once, and taken if it goes on."""
    whole = write_micrograph(session.folder / "whole.bin").read_bytes()
    path = session.folder / "a.mrc"
    path.write_bytes(whole[:-100])
    session.pass_time(FAST_S * 3)
    assert session.told(Level.ERROR) == []
    for _ in range(5):
        session.pass_time(PATIENT_S * 1.1)
    (row,) = session.report().incomplete
    assert (row.path, row.reason) == (
        "a.mrc",
        f"{len(whole) - 100} of {len(whole)} bytes are there",
    )
    again = session.again()
    again.pass_time(PATIENT_S * 2)
    assert len([line for line in session.told(Level.ERROR) if "a.mrc" in line]) == 1
    path.write_bytes(whole)
    again.pass_time(FAST_S * 2)
    assert session.names() == ["a"]
    assert session.report().counts[FileState.INCOMPLETE] == 0
    again.importer.close()


def test_unfinished_file_that_is_deleted_is_listed_no_more(session: Session) -> None:
    """Who removes a broken file has put it right."""
    path = write_micrograph(session.folder / "a.mrc")
    path.write_bytes(path.read_bytes()[:-100])
    session.pass_time(PATIENT_S * 2)
    assert len(session.report().incomplete) == 1
    path.unlink()
    session.pass_time(PATIENT_S)
    assert session.report().incomplete == []


def test_rewritten_file_is_told_and_not_imported_twice(session: Session) -> None:
    """The same path with other content is no other exposure; a person decides."""
    path = write_micrograph(session.folder / "a.mrc", 1)
    session.pass_time(FAST_S * 2)
    write_micrograph(session.folder / "b.bin", 2).rename(path)
    session.pass_time(FAST_S * 2)
    assert session.names() == ["a"]
    (row,) = session.report().failed
    assert row.state is FileState.REWRITTEN
    assert "image 1" in row.reason
    again = session.again()
    again.pass_time(PATIENT_S)
    assert len([line for line in session.told(Level.WARNING) if "anew" in line]) == 1
    again.importer.close()


def test_what_a_kill_kept_from_being_noted_is_no_second_image(session: Session) -> None:
    """Registered, killed, and written anew before the next daemon: one image, with its batch."""
    path = write_micrograph(session.folder / "a.mrc", 1)
    session.project.import_recordings([path], submit=False)
    write_micrograph(session.folder / "b.bin", 2).rename(path)
    session.pass_time(FAST_S * 2)
    assert session.names() == ["a"]
    (row,) = session.report().failed
    assert (row.state, row.image_id) == (FileState.REWRITTEN, 1)
    assert [row.batch.image_id for row in session.project.queue.listing()] == [1]


def test_touched_file_stays_the_image_that_it_is(session: Session) -> None:
    """Another time with the same content is nothing that anybody has to know."""
    path = write_micrograph(session.folder / "a.mrc")
    session.pass_time(FAST_S * 2)
    os.utime(path, (5, 5))
    session.pass_time(PATIENT_S)
    assert session.names() == ["a"]
    assert session.report().counts[FileState.IMPORTED] == 1
    assert session.told(Level.WARNING) == []


def test_restart_opens_nothing_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken is remembered: a new daemon only looks at names, sizes and times."""
    for number in range(5):
        write_micrograph(session.folder / f"{number}.mrc", number)
    session.pass_time(FAST_S * 2)
    assert len(session.names()) == 5

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a known file was opened")

    monkeypatch.setattr("cryobatch.daemon.examiner.prove", fail)
    again = session.again()
    again.pass_time(PATIENT_S * 3)
    assert len(session.names()) == 5
    again.importer.close()


def test_missing_folder_is_waited_for_and_may_go_and_come_back(
    project: Project, tmp_path: Path
) -> None:
    """A folder that is not there is told once and used when it comes, as often as it does."""
    folder = tmp_path / "later"
    session = Session.begin(project, folder)
    session.pass_time(5)
    assert len(session.told(Level.WARNING)) == 1
    folder.mkdir()
    write_micrograph(folder / "a.mrc", 1)
    session.pass_time(5)
    assert session.names() == ["a"]
    shutil.move(folder, tmp_path / "away")
    session.pass_time(5)
    (line, _) = session.told(Level.WARNING)
    assert "is gone" in line
    write_micrograph(tmp_path / "away" / "b.mrc", 2)
    shutil.move(tmp_path / "away", folder)
    session.pass_time(5)
    assert session.names() == ["a", "b"]
    assert session.report().counts[FileState.IMPORTED] == 2
    session.importer.close()


def test_of_a_folder_that_is_gone_nothing_settles(session: Session, tmp_path: Path) -> None:
    """What was about to settle is counted again when the folder is there again."""
    write_micrograph(session.folder / "a.mrc")
    session.importer.step()
    assert session.importer.is_settling()
    shutil.move(session.folder, tmp_path / "away")
    session.pass_time(5)
    (watched,) = session.project.watching.listing()
    assert (watched.state(works=True), watched.settling(works=True)) == ("absent", 0)
    assert not session.importer.is_settling()
    shutil.move(tmp_path / "away", session.folder)
    session.pass_time(FAST_S * 2)
    assert session.names() == ["a"]


def test_renamed_inner_folder_makes_no_second_images(session: Session) -> None:
    """The same recordings under another path are the images that they were."""
    (session.folder / "square").mkdir()
    write_micrograph(session.folder / "square" / "a.mrc")
    session.pass_time(FAST_S * 2)
    (session.folder / "square").rename(session.folder / "other")
    session.pass_time(FAST_S * 2)
    assert session.names() == ["a"]
    assert len(session.project.queue.listing()) == 1


@pytest.mark.parametrize("take", [Take.LINK, Take.COPY])
def test_a_renamed_recording_stays_the_image_that_it_is(
    project: Project, folder: Path, take: Take
) -> None:
    """As often as it is renamed, over a restart too; the image knows where its recording is."""
    session = Session.begin(project, folder, Orders(choice=PICK, take=take))
    path = write_micrograph(folder / "a.mrc")
    session.pass_time(FAST_S * 2)
    for name in ("b.mrc", "a.mrc", "c.mrc"):
        path = path.rename(folder / name)
        session = session.again()
        session.pass_time(FAST_S * 2)
        assert session.names() == ["a"]
        image = project.images.record(1).image
        assert image.source == str(path)
        assert (project.images.folder(1) / image.root_file).is_file()
        assert session.report().counts[FileState.IMPORTED] == 1
    assert len(project.queue.listing()) == 1
    session.importer.close()


def test_equal_bytes_under_two_names_are_two_recordings(session: Session) -> None:
    """A copy, a second name of the same file, and what takes the place of one that was deleted."""
    path = write_micrograph(session.folder / "a.mrc")
    session.pass_time(FAST_S * 2)
    shutil.copy2(path, session.folder / "copy.mrc")
    (session.folder / "link.mrc").hardlink_to(path)
    session.pass_time(FAST_S * 2)
    assert session.names() == ["a", "copy", "link"]
    path.unlink()
    (session.folder / "link.mrc").unlink()
    write_micrograph(session.folder / "again.mrc")
    session.pass_time(FAST_S * 2)
    assert session.names() == ["a", "again", "copy", "link"]


def test_unknown_fact_is_told_and_tried_again_when_settings_change(
    tmp_path: Path, folder: Path
) -> None:
    """What cannot be imported yet is listed, and taken as soon as a person has said what lacks."""
    write_micrograph(folder / "a.mrc")
    with Project.create(tmp_path / "project") as project:
        session = Session.begin(project, folder)
        session.pass_time(FAST_S * 2)
        (row,) = session.report().failed
        assert "--pixel-size" in row.reason
        assert any("--pixel-size" in line for line in session.told(Level.ERROR))
        with project.place.settings.open("a") as file:
            file.write("\n[acquisition]\npixel_size = 1.5\n")
        project.reload()
        session.pass_time(0.1)
        assert session.names() == ["a"]
        assert session.report().failed == []
        session.importer.close()


def test_patterns_choose_what_is_taken(project: Project, folder: Path) -> None:
    """Ignored files and folders are never looked at, and of the others only what is included."""
    (folder / "old").mkdir()
    for number, name in enumerate(("a_sum.mrc", "a_other.mrc", "old/b_sum.mrc", "c_sum.mrc")):
        write_micrograph(folder / name, number)
    patterns = Patterns(include=("*_sum.mrc",), ignore=("old", "c*"))
    session = Session.begin(project, folder, Orders(choice=PICK, patterns=patterns))
    session.pass_time(PATIENT_S)
    assert session.names() == ["a_sum"]
    session.importer.close()


@pytest.mark.parametrize("take", [Take.COPY, Take.MOVE])
def test_copied_and_moved_recordings_belong_to_the_project(
    project: Project, folder: Path, take: Take
) -> None:
    """A copy leaves the source where it is, a move does not, and neither comes twice."""
    write_micrograph(folder / "a.mrc")
    session = Session.begin(project, folder, Orders(choice=PICK, take=take, rate_mb_s=1000.0))
    session.pass_time(FAST_S * 2)
    session.pass_time(PATIENT_S)
    assert session.names() == ["a"]
    assert (project.images.folder(1) / "a.mrc").is_file()
    assert (folder / "a.mrc").exists() == (take is Take.COPY)
    session.importer.close()


def test_large_copies_let_other_folders_have_their_turn(project: Project, tmp_path: Path) -> None:
    """Another folder's recordings wait for one large copy, and not for all of them."""
    large, small = tmp_path / "large", tmp_path / "small"
    large.mkdir()
    small.mkdir()
    for number in range(3):
        write_micrograph(large / f"large_{number}.mrc", number)
    write_micrograph(small / "small.mrc", 7)
    copied: list[int] = []
    begun: Session

    def room(size: int) -> None:
        if size:
            begun.clock.now += 60.0  # so long the copy takes
            copied.append(size)

    begun = Session.begin(project, large, Orders(choice=PICK, take=Take.COPY), room)
    project.watching.add(small, Orders(choice=PICK))
    begun.importer.step()
    begun.clock.now += FAST_S * 2
    begun.importer.step()
    assert begun.names() == ["large_0", "small"]
    for _ in range(2):
        begun.importer.step()
    assert begun.names() == ["large_0", "large_1", "large_2", "small"]
    assert len(copied) == 3
    begun.importer.close()


def test_a_move_that_was_killed_before_its_end_is_ended(project: Project, folder: Path) -> None:
    """The source goes once its copy is an image, though the daemon died in between."""
    path = write_micrograph(folder / "a.mrc")
    project.import_recordings([folder], take=Take.COPY, choice=PICK)
    session = Session.begin(project, folder, Orders(choice=PICK, take=Take.MOVE))
    session.pass_time(FAST_S * 2)
    assert not path.exists()
    assert (project.images.folder(1) / "a.mrc").is_file()
    session.importer.close()


def test_nothing_is_taken_while_there_is_no_room(project: Project, folder: Path) -> None:
    """The import waits and says why, and goes on by itself."""
    hindrance: list[str] = ["the disk is full"]
    write_micrograph(folder / "a.mrc")
    session = Session.begin(project, folder, room=lambda _: next(iter(hindrance), None))

    def why() -> str:
        return project.watching.listing()[0].reason(works=True)

    session.pass_time(PATIENT_S)
    assert session.names() == []
    assert session.importer.trouble == "the disk is full"
    assert why() == "the disk is full"
    hindrance.clear()
    session.pass_time(FAST_S * 2)
    assert session.names() == ["a"]
    session.pass_time(FAST_S)
    assert why() == ""
    session.importer.close()


def test_a_stopped_folder_is_left_alone_until_it_is_started(session: Session) -> None:
    """Stopping takes effect at once, and starting goes on where it was."""
    session.project.watching.stop(session.watched)
    write_micrograph(session.folder / "a.mrc")
    session.pass_time(PATIENT_S)
    assert session.names() == []
    session.project.watching.start(session.watched)
    session.pass_time(FAST_S * 3)
    assert session.names() == ["a"]


def test_the_thread_goes_on_until_it_is_stopped(session: Session) -> None:
    """It ends with its present step."""
    session.importer.start()
    session.importer.stop()
    assert session.report().watched.id == session.watched.id


def test_a_slow_copy_does_not_hinder_the_end(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stops the daemon does not wait for a copy; the next daemon ends it."""
    monkeypatch.setattr("cryobatch.importing.copying.CHUNK_BYTES", 100)
    write_micrograph(folder / "a.mrc")
    slow = Orders(choice=PICK, take=Take.COPY, rate_mb_s=1e-6)
    project.watching.add(folder, slow)
    importer = Importer(project)
    importer.start()
    image = project.place.images / "microscope" / "a"
    wait_for(lambda: (image / ".a.mrc.new").exists(), "the beginning of the copy", 60)
    importer.stop()
    assert project.images.rows() == []
    session = Session.begin(project, folder, Orders(choice=PICK, take=Take.COPY))
    session.pass_time(FAST_S * 3)
    assert session.names() == ["a"]
    assert sorted(path.name for path in image.iterdir() if path.name != ".lock") == [
        "a.mrc", "image.toml",
    ]  # fmt: skip
    session.importer.close()
