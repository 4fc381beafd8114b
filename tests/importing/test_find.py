"""Finding recordings: complete ones are described, broken ones named, others counted."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cryobatch.errors import UsageError
from cryobatch.importing import find_recordings, merge_facts, name_source, option_facts
from tests.recording_files import make_events, write_eer, write_mrc, write_tiff

MOVIE = np.random.default_rng(6).integers(0, 9, (4, 16, 24)).astype(np.uint8)
XML = "FoilHole_9015883_Data_9017347_6_20250108_154915.xml"


def make_folder(folder: Path) -> Path:
    """Make a folder with recordings of each format, and other files."""
    (folder / "sub dir").mkdir(parents=True)
    write_tiff(folder / "a.tiff", MOVIE)
    write_mrc(folder / "b.mrc", MOVIE[0].astype(np.float32), 1.25)
    write_eer(folder / "sub dir" / "c.eer", make_events(5, (16, 16), 9), (16, 16),
              metadata={"exposureTime": "2.5", "meanDoseRate": "x", "commercialName": "Falcon 4",
                        "eerGainReference": "1_EER_GainReference.gain"})  # fmt: skip
    (folder / "picks.csv").write_text("x,y\n")
    write_mrc(folder / "gain.mrc", np.ones((16, 24), np.float32))
    return folder


def test_a_folder_is_searched_with_all_below(tmp_path: Path) -> None:
    """Every recording is found with its sizes, kind and group; the rest is counted."""
    found = find_recordings([make_folder(tmp_path / "day 1")])
    assert [r.path.name for r in found.recordings] == ["a.tiff", "b.mrc", "c.eer"]
    a, b, c = found.recordings
    assert (a.root_product, a.frames, a.rows, a.columns) == ("movie", 4, 16, 24)
    assert (b.root_product, b.frames) == ("micrograph", 1)
    assert (c.root_product, c.frames) == ("movie", 5)
    assert (a.group, b.group, c.group) == ("day_1", "day_1", "sub_dir")
    assert (a.name, c.name) == ("a", "c")
    assert b.facts["pixel_size"].value == pytest.approx(1.25)
    assert b.facts["pixel_size"].source == "MRC header"
    assert c.facts["exposure_time"].value == 2.5
    assert c.facts["camera"].value == "Falcon 4"
    assert c.facts["gain_stated"].value == "1_EER_GainReference.gain"
    assert "dose_rate" not in c.facts
    assert "pixel_size" not in a.facts
    assert found.ignored_count == 2
    assert found.refused == ()


def test_broken_recordings_are_named_and_others_go_on(tmp_path: Path) -> None:
    """A truncated movie and an empty file are refused with the reason."""
    folder = make_folder(tmp_path / "day")
    with (folder / "a.tiff").open("r+b") as file:
        file.truncate(900)
    (folder / "d.mrc").touch()
    found = find_recordings([folder])
    assert [r.path.name for r in found.recordings] == ["b.mrc", "c.eer"]
    assert [r.path.name for r in found.refused] == ["a.tiff", "d.mrc"]
    assert all(str(r.path) in r.reason for r in found.refused)


def test_named_files_must_be_recordings(tmp_path: Path) -> None:
    """A file that was named is asked for: that it is none, or not there, is an error."""
    folder = make_folder(tmp_path / "day")
    assert len(find_recordings([folder / "b.mrc"]).recordings) == 1
    with pytest.raises(UsageError, match=r"picks\.csv: is no recording"):
        find_recordings([folder / "picks.csv"])
    with pytest.raises(UsageError, match="no such file"):
        find_recordings([folder / "nothing.mrc"])


def test_a_recording_is_found_once_however_it_is_named(tmp_path: Path) -> None:
    """A folder, the same folder again, a file in it, and a loop of links give one recording."""
    folder = make_folder(tmp_path / "day")
    (folder / "sub dir" / "loop").symlink_to(folder)
    found = find_recordings([folder, folder / "sub dir" / "..", folder / "b.mrc"])
    assert len(found.recordings) == 3


def test_the_same_recording_has_the_same_identity_elsewhere(tmp_path: Path) -> None:
    """A copy in another folder, with other times, is the same; other counts are not."""
    folder = make_folder(tmp_path / "day")
    other = tmp_path / "copy"
    other.mkdir()
    shutil.copyfile(folder / "b.mrc", other / "b.mrc")
    first, second = (find_recordings([f / "b.mrc"]).recordings[0] for f in (folder, other))
    assert first.source_id == second.source_id
    write_mrc(other / "c.mrc", MOVIE[1].astype(np.float32), 1.25).replace(other / "b.mrc")
    assert find_recordings([other]).recordings[0].source_id != first.source_id


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A file name in another encoding cannot stand in a parameter file, and says so."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.mrc"))
    shutil.copyfile(write_mrc(tmp_path / "a.mrc", MOVIE), path)
    found = find_recordings([tmp_path])
    assert [r.path.name for r in found.recordings] == ["a.mrc"]
    assert "UTF-8" in found.refused[0].reason


def test_known_files_can_be_left_out_unopened(tmp_path: Path) -> None:
    """What is known already need not be read again; progress is told for every file."""
    folder = make_folder(tmp_path / "day")
    told: list[tuple[int, int]] = []
    found = find_recordings(
        [folder], skip=lambda path: path.name == "a.tiff", done=lambda n, of: told.append((n, of))
    )
    assert [r.path.name for r in found.recordings] == ["b.mrc", "c.eer"]
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("apart", [False, True])
def test_a_real_epu_session_gives_its_facts(
    tmp_path: Path, shared_data: Callable[[str], Path], apart: bool
) -> None:
    """A movie gets the facts of its XML, beside it or under another root, seconds apart."""
    session = tmp_path / "session"
    shutil.copytree(shared_data("epu_session"), session)
    square = Path("Images-Disc1/GridSquare_8999138/Data")
    place = (tmp_path / "movies" if apart else session) / square
    place.mkdir(parents=True, exist_ok=True)
    frames = np.zeros((2, 4, 5760), np.uint8)
    write_tiff(place / XML.replace("154915.xml", "154917_fractions.tiff"), frames)
    write_mrc(place / XML.replace(".xml", ".mrc"), frames[0])
    found = find_recordings([tmp_path / "movies", session] if apart else [session])
    assert len(found.recordings) == 1
    recording = found.recordings[0]
    assert recording.group == "GridSquare_8999138"
    assert recording.recorded_at == "2025-01-08T15:49:18.1158288+00:00"
    facts = {name: fact.value for name, fact in recording.facts.items()}
    assert facts["pixel_size"] == pytest.approx(0.52794, abs=1e-5)
    assert facts["voltage"] == 300.0
    assert facts["defocus_set"] == pytest.approx(27_000)
    assert facts["total_dose"] == pytest.approx(14.4108, abs=1e-4)
    assert facts["super_resolution"] is False
    assert (facts["foil_hole"], facts["grid_square"]) == ("9015883", "8999138")
    assert recording.facts["voltage"].source == f"EPU XML {XML}"
    assert found.refused == ()


def test_broken_metadata_costs_the_facts_only(tmp_path: Path) -> None:
    """A movie whose XML is broken is imported, with a remark that names the XML."""
    folder = tmp_path / "GridSquare_1" / "Data"
    folder.mkdir(parents=True)
    write_tiff(folder / XML.replace(".xml", "_fractions.tiff"), MOVIE)
    (folder / XML).write_text("<MicroscopeImage>")
    recording = find_recordings([tmp_path]).recordings[0]
    assert XML in recording.remarks[0]
    assert "voltage" not in recording.facts


def test_the_most_certain_source_of_a_fact_wins() -> None:
    """Options come before what the recording says, that before the project's settings."""
    merged = merge_facts(
        option_facts({"pixel_size": 1.5}),
        name_source({"pixel_size": 2.0, "total_dose": 40.0}, "EPU XML a.xml"),
        name_source({"voltage": 200.0}, "project"),
        frames=20,
    )
    assert (merged["pixel_size"].value, merged["pixel_size"].source) == (1.5, "option --pixel-size")
    assert merged["voltage"].source == "project"
    assert merged["dose_per_frame"].value == pytest.approx(2.0)
    assert "EPU XML a.xml" in merged["dose_per_frame"].source


def test_the_dose_of_a_short_movie_s_frame_is_that_of_a_whole_one() -> None:
    """The stated dose is that of all frames that there should be, not of those that are left."""
    facts = name_source({"total_dose": 50.0, "frames_expected": 50}, "EPU XML a.xml")
    merged = merge_facts(facts, frames=40)
    assert merged["dose_per_frame"].value == pytest.approx(1.0)
    assert merged["dose_per_frame"].source.endswith("/ 50 frames")
    assert merge_facts(facts, frames=100)["dose_per_frame"].value == pytest.approx(0.5)


def test_what_projects_have_made_is_no_recording(tmp_path: Path) -> None:
    """A folder that holds a project can be imported, again and again: its images are left out."""
    write_mrc(tmp_path / "a.mrc", np.ones((1, 8, 8), np.int16))
    project = tmp_path / "project"
    made = project / "images" / "square" / "a"
    made.mkdir(parents=True)
    (project / "project.toml").touch()
    write_mrc(made / "power_spectrum.mrc", np.ones((1, 8, 8), np.float32))
    (project / "microscope").mkdir()
    write_mrc(project / "microscope" / "b.mrc", np.ones((1, 8, 8), np.int16))
    found = find_recordings([tmp_path])
    assert [item.name for item in found.recordings] == ["a", "b"]
    for place in (project / "images", made, made / "power_spectrum.mrc"):
        with pytest.raises(UsageError, match="has made"):
            find_recordings([place])
