"""Scrutiny: short movies and sources that disagree are told of, and nothing is stopped."""

from pathlib import Path

import numpy as np
import pytest

from cryobatch.importing import find_recordings
from cryobatch.processing.image_folder import read_record
from cryobatch.project import Project
from cryobatch.store.neighbours import undated_images
from tests.recording_files import make_events, write_eer, write_mrc, write_tiff

FACTS = {"pixel_size": 1.5, "voltage": 300}


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the machine's own settings out; returns where a test may write a site's."""
    path = tmp_path / "site.toml"
    path.touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    return path


def write_movies(folder: Path, frames: list[int], *, first: int = 0) -> Path:
    """Write movies with these numbers of frames."""
    folder.mkdir(exist_ok=True)
    for number, count in enumerate(frames, start=first):
        write_tiff(folder / f"m{number:03}.tif", np.full((count, 8, 8), number, np.uint8))
    return folder


def expected_of(project: Project) -> dict[str, object]:
    """Return how many frames each image should have, of those that know it."""
    found: dict[str, object] = {}
    for row in project.images.rows():
        record = read_record(project.place.image_folder(str(row["group"]), str(row["name"])))
        if record.fact("frames_expected") is not None:
            found[record.image.name] = record.fact("frames_expected")
    return found


def test_a_movie_shorter_than_its_neighbours_is_an_image_with_a_remark(tmp_path: Path) -> None:
    """46 of 50 frames are imported like the others, and said; it knows what it should have."""
    folder = write_movies(tmp_path / "day", [50, 50, 46, 50, 50])
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        report = project.import_recordings([folder], submit=False)
        assert (len(report.images), report.refused) == (5, ())
        assert report.remarks == ("m002.tif: has 46 of 50 frames (usual in day)",)
        assert expected_of(project) == {"m002": 50}
        # Later ones are compared with those that are images already.
        write_movies(folder, [50, 12], first=5)
        again = project.import_recordings([folder], submit=False)
        assert again.remarks == ("m006.tif: has 12 of 50 frames (usual in day)",)
        assert expected_of(project) == {"m002": 50, "m006": 50}


def test_groups_are_not_compared_with_each_other(tmp_path: Path) -> None:
    """Another group may have been recorded otherwise; two movies have no usual number."""
    for name, frames in {"a": [50, 50, 50], "b": [20, 20, 20], "c": [5, 9]}.items():
        write_movies(tmp_path / name, frames, first=len(name) + ord(name[0]))
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        folders = [tmp_path / name for name in "abc"]
        assert project.import_recordings(folders, submit=False).remarks == ()


def test_eer_movies_may_differ_by_a_few_frames(tmp_path: Path) -> None:
    """A camera's own frames vary; half of them missing is said."""
    for number, frames in enumerate([100, 101, 99, 100, 50]):
        events = make_events(frames, (8, 8), 2, seed=number)
        write_eer(tmp_path / f"m{number}.eer", events, (8, 8))
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        paths = [tmp_path / f"m{number}.eer" for number in range(5)]
        remarks = project.import_recordings(paths, submit=False).remarks
    assert len([text for text in remarks if "frames" in text]) == 1
    assert remarks[0].startswith("m4.eer: has 50 of 100 frames")


def test_what_the_metadata_state_comes_before_the_neighbours(tmp_path: Path) -> None:
    """Tilts may have their own numbers of frames: what their mdoc says counts."""
    folder = write_movies(tmp_path / "day", [50, 50, 50, 20, 19])
    for number in (3, 4):
        (folder / f"m{number:03}.tif.mdoc").write_text("[FrameSet = 0]\nNumSubFrames = 20\n")
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        report = project.import_recordings([folder], submit=False)
        remarks = [text for text in report.remarks if "frames" in text]
        assert remarks == ["m004.tif: has 19 of 20 frames (metadata m004.tif.mdoc)"]


def test_sources_that_disagree_are_told_of_once_for_all_images(tmp_path: Path) -> None:
    """A pixel size that a person gave holds against what headers say, and both are named."""
    for number in range(4):
        write_mrc(tmp_path / f"m{number}.mrc", np.full((3, 8, 8), number, np.int8), 1.06)
    paths = [tmp_path / f"m{number}.mrc" for number in range(4)]
    text = (
        "pixel_size is 2.1 Å by option --pixel-size, which is taken, and 1.06 Å by MRC header; "
        "correct the wrong one"
    )
    with Project.create(tmp_path / "project") as project:
        report = project.import_recordings(paths[:3], facts={"pixel_size": 2.1}, submit=False)
        assert report.remarks == (f"m0.mrc and 2 others: {text}",)
        record = read_record(project.place.image_folder(tmp_path.name, "m0"))
        assert record.fact("pixel_size") == 2.1


def test_a_watch_tells_of_a_kind_of_disagreement_once(tmp_path: Path) -> None:
    """Whoever follows a microscope is told once, also after the daemon began anew."""
    paths = [
        write_mrc(tmp_path / f"m{number}.mrc", np.full((3, 8, 8), number, np.int8), 1.06)
        for number in range(3)
    ]
    told = []
    Project.create(tmp_path / "project").close()
    for path in paths:
        with Project.open(tmp_path / "project") as project:
            report = project.take_in(
                find_recordings([path]), facts={"pixel_size": 2.1}, submit=False, patient=True
            )
            assert len(report.images) == 1
            told.append(len(report.remarks))
    assert told == [1, 0, 0]


def test_a_recording_s_own_sources_are_compared(tmp_path: Path) -> None:
    """Header and mdoc of one movie disagree: the mdoc holds, and both are named."""
    write_mrc(tmp_path / "m.mrc", np.ones((3, 8, 8), np.int8), 1.06)
    (tmp_path / "m.mdoc").write_text("[FrameSet = 0]\nPixelSpacing = 2.12\nVoltage = 200\n")
    with Project.create(tmp_path / "project", facts={"voltage": 300}) as project:
        (one, two) = project.import_recordings([tmp_path / "m.mrc"], submit=False).remarks
    assert "pixel_size is 2.12 Å by mdoc m.mdoc, which is taken, and 1.06 Å by MRC header" in one
    assert "voltage is 300 kV by project.toml, which is taken, and 200 kV by mdoc m.mdoc" in two


def test_sources_that_agree_are_not_mentioned(tmp_path: Path) -> None:
    """A calibration moves a pixel size by a percent or two: nobody is told."""
    write_mrc(tmp_path / "m.mrc", np.ones((3, 8, 8), np.int8), 1.06)
    (tmp_path / "m.mdoc").write_text("[FrameSet = 0]\nPixelSpacing = 1.05\nExposureDose = 3\n")
    facts = {"pixel_size": 1.04, "dose_per_frame": 1.05}
    with Project.create(tmp_path / "project", facts=facts) as project:
        assert project.import_recordings([tmp_path / "m.mrc"], submit=False).remarks == ()


def test_missing_metadata_are_said_of_all_at_once(tmp_path: Path) -> None:
    """Movies that no mdoc names, where others have one, are named in one line."""
    write_movies(tmp_path / "day", [3, 3, 3])
    (tmp_path / "day" / "m000.tif.mdoc").write_text("[FrameSet = 0]\nTiltAngle = 1\n")
    with Project.create(tmp_path / "project", facts=FACTS) as project:
        report = project.import_recordings([tmp_path / "day"], submit=False)
    (remark,) = report.remarks
    assert remark == "m001.tif and 1 other: no mdoc names it: what it says is unknown"


def test_metadata_that_come_late_are_taken_over(tmp_path: Path) -> None:
    """Importing again gives images the facts of an mdoc that came after them; a person's stay."""
    folder = write_movies(tmp_path / "day", [3, 3])
    with Project.create(tmp_path / "project", facts={"voltage": 300}) as project:
        facts = {"tilt_angle": 5.0}
        (one, two) = project.import_recordings([folder], submit=False, facts=facts).images
        (folder / "m000.tif.mdoc").write_text(
            "[FrameSet = 0]\nPixelSpacing = 1.1\nTiltAngle = 33\nDateTime = 01-Jan-24 10:00:00\n"
        )
        for expected in (("1 image has got facts from metadata that came later",), ()):
            report = project.import_recordings([folder], submit=False)
            assert (report.images, report.known) == ((), 2)
            assert report.remarks == expected
        record, other = project.images.record(one), project.images.record(two)
        assert record.fact("pixel_size") == 1.1
        assert record.acquisition["pixel_size"].source == "mdoc m000.tif.mdoc"
        assert record.fact("tilt_angle") == 5.0
        assert record.image.recorded_at == "2024-01-01T10:00:00"
        assert (other.fact("pixel_size"), other.image.recorded_at) == (None, None)
        with project.database.reading() as r:
            assert undated_images(r, [one, two]) == {two}
