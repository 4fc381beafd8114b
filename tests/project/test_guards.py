"""The guards of a project: what is wrong is told once, within ten images, on the right images."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryobatch.formats.mrc import write_image
from cryobatch.model.event import Level, LogEntry
from cryobatch.model.image import FactValue, ImageRecord
from cryobatch.model.value import Result
from cryobatch.project import Project
from cryobatch.project.guards import SessionGuard, note_gains
from cryobatch.project.selection import Selection
from cryobatch.store import log
from tests.projects import add_images, make_project
from tests.recording_files import make_events, write_eer, write_mrc, write_tiff

FACTS: Mapping[str, FactValue] = {"pixel_size": 1.0, "voltage": 300.0, "dose_per_frame": 1.2}
RIGHT: Mapping[str, Result] = {
    "gain_verdict": "fits", "gain_fit": 0.98, "gain_fit_error": 0.01, "gain_best": "as it is",
    "dose_disagreement": -15.0,
}  # fmt: skip
TURNED = {**RIGHT, "gain_verdict": "turned", "gain_fit": 0.0,
          "gain_best": "gain_rotation=1 gain_flip=0"}  # fmt: skip


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Project]:
    """Return a project without images."""
    with make_project(tmp_path / "project") as made:
        yield made


def process(project: Project, count: int, values: Mapping[str, Result] = RIGHT) -> list[int]:
    """Register images and let scripts have calculated values of them."""
    ids = add_images(project, count, root="movie", facts=FACTS)
    set_values(project, ids, values)
    return ids


def set_values(project: Project, ids: Sequence[int], values: Mapping[str, Result]) -> None:
    """Let scripts calculate values of images: in their files, the library and the log."""

    def change(record: ImageRecord) -> ImageRecord:
        return replace(record, values={**record.values, "unpack": values})

    project.images.update(Selection(images=tuple(ids)), change)
    now = time.time()
    with project.database.transaction() as t:
        log.append(t, [LogEntry(now, "done", image_id=i, script="unpack") for i in ids])


def warnings(project: Project) -> list[str]:
    """Return the log's warnings, oldest first."""
    rows = project.log.page(descending=False, limit=1000)
    return [row.text for row in rows if row.level is Level.WARNING]


def flags(project: Project) -> list[object]:
    """Return the images' flags in order of their ids."""
    return [row["flag"] for row in project.images.rows()]


def test_a_right_session_is_not_spoken_of(session: Project) -> None:
    """Two hundred images, looked at as they come: no word."""
    guard = SessionGuard(session.images)
    for _ in range(20):
        process(session, 10)
        assert guard.look() == []
    assert warnings(session) == []


def test_a_turned_gain_is_told_once(session: Project) -> None:
    """Within ten images, with what corrects it; not again by the next daemon."""
    process(session, 3, TURNED)
    SessionGuard(session.images).look()
    process(session, 4, TURNED)
    guard = SessionGuard(session.images)
    guard.look()
    guard.look()
    (text,) = warnings(session)
    assert "cryobatch image set gain_rotation=1 gain_flip=0 --all" in text


def test_a_cause_that_returns_is_told_again(session: Project) -> None:
    """When all was right between."""
    guard = SessionGuard(session.images)
    wrong = process(session, 5, TURNED)
    guard.look()
    set_values(session, wrong, RIGHT)  # corrected, and processed again
    guard.look()
    process(session, 5, TURNED)
    guard.look()
    assert len(warnings(session)) == 2


def test_a_wrong_dose_names_its_suspects(session: Project) -> None:
    """With the numbers that would agree."""
    guard = SessionGuard(session.images)
    process(session, 50)
    guard.look()
    process(session, 8, {**RIGHT, "dose_disagreement": -77.0})
    guard.look()
    (text,) = warnings(session)
    assert text.startswith("the measured dose is 0.23 times the stated one")
    assert "the pixel size (1 Å is stated, 0.48 Å would agree)" in text
    assert "the dose per frame (1.2 e/Å² is stated, 0.276 would agree)" in text
    assert "a blocked beam" in text


def test_images_that_the_gain_fits_less_are_marked_and_no_others(session: Project) -> None:
    """Exactly those from the change on are doubtful, whenever they are looked at."""
    guard = SessionGuard(session.images)
    right = process(session, 20)
    guard.look()
    weak = []
    for _ in range(15):
        weak += process(session, 6, {**RIGHT, "gain_fit": 0.5})
        guard.look()
        guard = SessionGuard(session.images)  # a restart forgets nothing
    assert flags(session) == [None] * len(right) + ["amber"] * len(weak)
    assert "renewed in mid-session" in warnings(session)[0]
    assert len(warnings(session)) == 1


def test_a_person_dispels_doubts(session: Project) -> None:
    """The word none takes the flag away."""
    guard = SessionGuard(session.images)
    process(session, 20)
    process(session, 2, {**RIGHT, "gain_fit": 0.5})
    guard.look()
    session.correct_facts(Selection(everything=True), {"doubts": "none"})
    assert flags(session) == [None] * 22


def test_a_gain_that_is_replaced_concerns_those_that_wait(session: Project, tmp_path: Path) -> None:
    """Images that were unpacked before had the right one; later ones have the new one."""
    gain = tmp_path / "gain.mrc"
    write_image(gain, np.ones((4, 4), np.float32), 1.0)
    guard = SessionGuard(session.images)
    facts = {**FACTS, "gain": str(gain)}
    done = add_images(session, 3, root="movie", facts=facts)
    waiting = add_images(session, 2, root="movie", facts=facts)
    note_gains(session.images, [session.images.record(one).acquisition for one in done])
    set_values(session, done, {**RIGHT, "frame_count": 8})
    assert guard.look() == []
    gain.touch()
    assert guard.look() == []  # the same content
    write_image(gain, np.full((4, 4), 2, np.float32), 1.0)
    guard.look()
    later = add_images(session, 2, root="movie", facts=facts)
    guard.look()
    doubted = [row["id"] for row in session.images.rows() if row["flag"] == "amber"]
    assert doubted == waiting
    assert len(later) == 2
    (text,) = warnings(session)
    assert text.startswith(f"the gain reference {gain} has another content than before")


def test_a_gain_that_vanishes_is_told(session: Project, tmp_path: Path) -> None:
    """Its images fail until it is back; that is said before."""
    gain = tmp_path / "gain.mrc"
    write_image(gain, np.ones((4, 4), np.float32), 1.0)
    (image,) = add_images(session, 1, root="movie", facts={**FACTS, "gain": str(gain)})
    note_gains(session.images, [session.images.record(image).acquisition])
    gain.unlink()
    guard = SessionGuard(session.images)
    guard.look()
    guard.look()
    assert warnings(session) == [
        f"the gain reference {gain} is gone: images that need it fail until it is there again"
    ]


def test_an_import_finds_the_gain_and_says_so(tmp_path: Path) -> None:
    """What lies beside raw counts is taken, once told, with its source."""
    folder = tmp_path / "day"
    folder.mkdir()
    for number in range(2):
        write_tiff(folder / f"m{number}.tif", np.full((2, 4, 6), number, np.uint8))
    write_mrc(folder / "gain.mrc", np.ones((1, 4, 6), np.float32))
    with Project.create(tmp_path / "project", facts=dict(FACTS)) as project:
        report = project.import_recordings([folder], submit=False)
        text = f"{folder / 'gain.mrc'} is taken as gain reference: no other was given (2 images)"
        assert report.remarks == (text,)
        fact = project.images.record(report.images[0]).acquisition["gain"]
        assert (fact.value, fact.source) == (str(folder / "gain.mrc"), "found near the recordings")
    with Project.create(tmp_path / "other", facts={**FACTS, "gain": folder / "gain.mrc"}) as other:
        assert other.import_recordings([folder], submit=False).remarks == ()


def test_movies_after_a_gain_that_vanished_are_not_taken_as_corrected(tmp_path: Path) -> None:
    """They have the one that is gone, are doubtful, and need it back as the earlier ones do."""
    movies = tmp_path / "movies"
    movies.mkdir()
    gain = movies / "gain.mrc"
    write_image(gain, np.ones((8, 8), np.float32), 1.0)
    with Project.create(tmp_path / "project", facts={"pixel_size": 1.0}) as project:
        for number in (1, 2):
            write_tiff(movies / f"{number}.tif", np.full((3, 8, 8), number, np.uint8))
            project.import_recordings([movies], submit=False)
            gain.unlink(missing_ok=True)
        first, second = (project.images.record(number) for number in (1, 2))
    assert first.fact("gain") == second.fact("gain") == str(gain)
    assert first.fact("doubts") is None
    assert "is gone: put it back" in str(second.fact("doubts"))


def test_an_import_doubts_raw_counts_without_a_gain(tmp_path: Path) -> None:
    """EER movies need one: the images know it, and the import says it."""
    write_eer(tmp_path / "m.eer", make_events(3, (8, 8), 2, seed=1), (8, 8))
    with Project.create(tmp_path / "project", facts=dict(FACTS)) as project:
        report = project.import_recordings([tmp_path / "m.eer"], submit=False)
        assert "need a gain reference" in report.remarks[0]
        assert "need a gain reference" in str(project.images.record(1).fact("doubts"))


def test_an_import_doubts_a_pixel_size_off_the_calibration(tmp_path: Path) -> None:
    """Also where a person gave it: the first image says so."""
    (tmp_path / "site.toml").write_text(
        '[microscopes.krios]\nnames = ["Titan"]\npixel_sizes = {105000 = 0.5}\n'
    )
    write_tiff(tmp_path / "m.tif", np.full((2, 4, 6), 1, np.uint8))
    with Project.create(tmp_path / "project", facts=dict(FACTS)) as project:
        facts = {"microscope": "Titan 1", "magnification": 105_000}
        report = project.import_recordings([tmp_path / "m.tif"], facts=facts, submit=False)
        assert "is 2 times the site's calibration of 0.5 Å" in report.remarks[0]
        assert "super-resolution" in str(project.images.record(1).fact("doubts"))
