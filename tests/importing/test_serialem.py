"""SerialEM: frames and tilt series get their facts from mdocs, whatever these are called."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cryobatch.formats.mdoc import Mdoc, parse_mdoc, read_mdoc
from cryobatch.importing import Recording, find_recordings, merge_facts, option_facts
from cryobatch.importing.find import read_recording
from cryobatch.importing.layouts.companions import Companions
from cryobatch.importing.layouts.serialem import order_views, pixel_size, section_facts
from tests.recording_files import write_mrc, write_tiff

FRAMES = np.random.default_rng(5).integers(0, 9, (12, 16, 24)).astype(np.uint8)
SINGLE = "s_mmm_00993_33.0_Oct08_07.39.05"


def values_of(recording: Recording) -> dict[str, object]:
    """Return a recording's facts without their sources."""
    return {name: fact.value for name, fact in recording.facts.items()}


def make_mdoc(text: str) -> Mdoc:
    """Return an mdoc from its text."""
    return parse_mdoc(text, "test.mdoc")


@pytest.mark.parametrize(
    "mdoc_name", [f"{SINGLE}.tif.mdoc", f"{SINGLE}.mdoc", f"{SINGLE}.TIF.MDOC"]
)
def test_a_real_frame_set_gives_its_facts(
    tmp_path: Path, shared_data: Callable[[str], Path], mdoc_name: str
) -> None:
    """Whatever the mdoc of a movie is called, all that it says is known."""
    write_tiff(tmp_path / f"{SINGLE}.tif", FRAMES)
    shutil.copyfile(shared_data("serialem/frame_set_single.mdoc"), tmp_path / mdoc_name)
    (recording,) = find_recordings([tmp_path]).recordings
    facts = values_of(recording)
    wanted = {
        "pixel_size": 1.2827, "voltage": 300.0, "total_dose": 7.65892, "dose_per_frame": 0.63824,
        "frames_expected": 12, "frames": 12, "exposure_time": 1.07856, "defocus_set": 45_000.0,
        "stage_x": -142.82, "stage_y": -457.442, "stage_z": -13.7196, "tilt_angle": 32.984,
        "image_shift_x": 2.69654, "image_shift_y": -0.304661, "magnification": 33_000.0,
        "spot_size": 9, "energy_slit": 20.0, "dose_rate": 4.97858, "rotation_angle": 178.414,
        "gain_stated": "SuperRef_s_mmm_00000_-15.0_Oct08_01.59.24.dm4", "super_resolution": True,
        "microscope": "UMass_Krios", "camera": "GIF-K3",
    }  # fmt: skip
    assert {name: facts.get(name) for name in wanted} == wanted
    assert recording.recorded_at == "2021-10-08T07:39:08"
    assert recording.facts["voltage"].source == f"mdoc {mdoc_name}"
    assert (recording.lacks, recording.disagreements) == ("", ())
    assert recording.metadata == (tmp_path / mdoc_name,)


def test_a_long_exposure_is_one_movie(tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    """Sections of the tilts within one movie do not make it a series."""
    write_tiff(tmp_path / "s_mmm_01013_33.0_Oct08_07.46.46.tif", FRAMES)
    name = "s_mmm_01013_33.0_Oct08_07.46.46.tif.mdoc"
    shutil.copyfile(shared_data("serialem/frame_set_multiple.mdoc"), tmp_path / name)
    (recording,) = find_recordings([tmp_path]).recordings
    facts = values_of(recording)
    assert facts["total_dose"] == 291.302
    assert facts["frames_expected"] == 243
    assert "tilt_number" not in facts
    assert recording.group == tmp_path.name


def make_series(folder: Path, shared_data: Callable[[str], Path], mdoc_name: str) -> Path:
    """Make the movies of a real tilt series below a folder, and put its mdoc there."""
    frames = folder / "frames"
    frames.mkdir(parents=True)
    mdoc = Path(shutil.copyfile(shared_data("serialem/tilt_series.mdoc"), folder / mdoc_name))
    for number, view in enumerate(read_mdoc(mdoc).views):
        write_mrc(frames / (view.frames_name or "").upper(), FRAMES[:8] + np.uint8(number))
    return mdoc


@pytest.mark.parametrize("mdoc_name", ["TS_01.mdoc", "TS_01.mrc.mdoc", "TS_01.st.mdoc"])
def test_a_real_tilt_series_is_a_group(
    tmp_path: Path, shared_data: Callable[[str], Path], mdoc_name: str
) -> None:
    """Each movie of a series knows its tilt, its place and the frames before it."""
    make_series(tmp_path, shared_data, mdoc_name)
    write_mrc(tmp_path / "TS_01.mrc", FRAMES)  # the stack of sums
    found = find_recordings([tmp_path])
    assert len(found.recordings) == 41
    assert {item.group for item in found.recordings} == {"TS_01"}
    assert all(item.root_product == "movie" for item in found.recordings)
    by_number = sorted(found.recordings, key=lambda item: item.facts["tilt_number"].value)
    angles = [round(float(item.facts["tilt_angle"].value)) for item in by_number]
    assert (angles[:5], angles[40]) == ([0, 3, -3, -6, 6], 60)
    assert [item.facts["frames_before"].value for item in by_number] == list(range(0, 328, 8))
    facts = values_of(by_number[2])
    wanted = {
        "pixel_size": 1.35, "frames_expected": 8, "exposure_time": 0.8, "defocus_set": 40_000.0,
        "stage_x": 20.7955, "stage_y": 155.292, "stage_z": 163.803, "magnification": 105_000.0,
        "rotation_angle": 175.3, "microscope": "EMBL Krios",
    }  # fmt: skip
    assert {name: facts.get(name) for name in wanted} == pytest.approx(wanted)
    assert "total_dose" not in facts  # the mdoc says 0: nobody has calibrated it
    assert by_number[2].recorded_at == "2015-11-30T15:24:24"
    assert (found.refused, found.ignored_count) == ((), 2)
    (refused,) = find_recordings([tmp_path / "TS_01.mrc"]).refused
    assert "no movie" in refused.reason


def test_a_folder_of_frames_alone_finds_the_mdoc_above_it(
    tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    """Who names the frames of a series means the series."""
    make_series(tmp_path, shared_data, "TS_01.mdoc")
    found = find_recordings([tmp_path / "frames"])
    assert {item.group for item in found.recordings} == {"TS_01"}


def test_pre_exposure_follows_from_frames_where_doses_are_unknown(
    tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    """With the dose of a frame, the exposure before each tilt is known, and says from where."""
    make_series(tmp_path, shared_data, "TS_01.mdoc")
    recordings = find_recordings([tmp_path]).recordings
    last = max(recordings, key=lambda item: item.facts["tilt_number"].value)
    merged = merge_facts(option_facts({"dose_per_frame": 0.25}), last.facts, frames=8)
    assert merged["pre_exposure"].value == pytest.approx(40 * 8 * 0.25)
    assert "TS_01.mdoc" in merged["pre_exposure"].source


def test_a_series_grows_while_it_is_recorded(
    tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    """A movie that the mdoc does not name yet lacks it, until the mdoc does."""
    mdoc = make_series(tmp_path, shared_data, "TS_01.mdoc")
    text = mdoc.read_text()
    early = text[: text.index("[ZValue = 2]")]
    mdoc.write_text(early)
    companions = Companions([mdoc])
    third = tmp_path / "frames" / "TS_01_002_-3.0.MRC"
    assert read_recording(third, companions).lacks == "no mdoc names it"
    assert read_recording(third.with_name("TS_01_001_3.0.MRC"), companions).lacks == ""
    mdoc.write_text(text[: text.index("[ZValue = 3]")])
    recording = read_recording(third, companions)
    assert (recording.lacks, recording.group) == ("", "TS_01")
    assert recording.facts["frames_before"].value == 16


def test_the_exposure_before_a_tilt_is_summed_in_the_order_of_time() -> None:
    """Sections may stand in any order; what the mdoc says itself comes first."""
    text = "".join(
        f"[ZValue = {n}]\nSubFramePath = D:\\{n}.tif\nTiltAngle = {n}\nExposureDose = {dose}\n"
        f"NumSubFrames = 8\nDateTime = 01-Jan-24  10:{minute:02}:00\n{more}\n"
        for n, dose, minute, more in [
            (0, 3.0, 20, ""), (1, 2.0, 0, ""), (2, 2.5, 10, ""), (3, 0, 30, ""),
            (4, 3.0, 40, ""), (5, 1.0, 50, "PriorRecordDose = 20"),
        ]
    )  # fmt: skip
    views = order_views(make_mdoc(text).views)
    assert [view.section.name for view in views] == ["1", "2", "0", "3", "4", "5"]
    assert [view.pre_exposure for view in views] == [0.0, 2.0, 4.5, 7.5, None, 20.0]
    assert [view.frames_before for view in views] == [0, 8, 16, 24, 32, 40]


def test_two_series_of_one_name_keep_to_their_folders(tmp_path: Path) -> None:
    """Movies belong to the nearest mdoc that names them."""
    for day, tilt in (("monday", 10), ("tuesday", 20)):
        (tmp_path / day / "frames").mkdir(parents=True)
        write_tiff(tmp_path / day / "frames" / "a_0.tif", FRAMES + np.uint8(tilt))
        (tmp_path / day / "a.mdoc").write_text(
            f"[ZValue = 0]\nSubFramePath = D:\\x\\a_0.tif\nTiltAngle = {tilt}\n"
        )
    recordings = find_recordings([tmp_path]).recordings
    found = [(item.path.parts[-3], item.facts["tilt_angle"].value) for item in recordings]
    assert found == [("monday", 10.0), ("tuesday", 20.0)]


@pytest.mark.parametrize(
    ("binning", "rows", "columns", "pixel", "finer"),
    [
        (0.5, 8184, 11_520, 1.0, True),
        (0.5, 4092, 5760, 2.0, False),
        (0.5, 5760, 4092, 2.0, False),
        (1, 4092, 5760, 1.0, False),
        (1, 8184, 11_520, 0.5, True),
        (2, 4096, 4096, 0.5, False),
        (0.5, 64, 64, 1.0, True),
        (4, 64, 64, 0.25, None),
        (None, 64, 64, 1.0, None),
    ],
)
def test_the_movie_s_size_decides_its_pixel_size(
    binning: float | None, rows: int, columns: int, pixel: float, finer: bool | None
) -> None:
    """PixelSpacing is that of the image, in pixels of its binning: the movie may have others."""
    line = "" if binning is None else f"Binning = {binning}\n"
    mdoc = make_mdoc(f"[FrameSet = 0]\nPixelSpacing = 1.0\n{line}")
    assert pixel_size(mdoc, mdoc.sections[0], rows, columns) == pytest.approx(pixel)
    facts = section_facts(mdoc, mdoc.sections[0], rows, columns)
    assert facts.get("super_resolution") is finer


@pytest.mark.parametrize(("columns", "pixel"), [(3700, 1.35), (7400, 0.675), (100, 1.35)])
def test_movies_of_a_binned_series_have_the_camera_s_pixels(columns: int, pixel: float) -> None:
    """A series is often binned by 4; its movies are not."""
    mdoc = make_mdoc("ImageSize = 924 958\nPixelSpacing = 5.4\n[ZValue = 0]\nBinning = 4\n")
    assert pixel_size(mdoc, mdoc.sections[0], columns, columns) == pytest.approx(pixel)


def test_multiple_records_know_hole_and_position() -> None:
    """Label, hole and position of a multiple record are kept, however the key is written."""
    for key in ("MultishotHoleAndPosition", "MultiShotHoleAndPosition"):
        mdoc = make_mdoc(
            f"[FrameSet = 0]\n{key} = 3 1\nNavigatorLabel = 78-1\nRotationAndFlip = 7\n"
        )
        facts = section_facts(mdoc, mdoc.sections[0], 64, 64)
        assert facts == {"multi_shot": "3 1", "navigator_label": "78-1", "rotation_flip": 7}


def test_unequal_doses_of_frames_are_no_dose_of_a_frame() -> None:
    """Where frames have different doses only their sum is known."""
    mdoc = make_mdoc("[FrameSet = 0]\nFrameDosesAndNumber = 1.5 2 0.5 10\nExposureDose = 8\n")
    assert section_facts(mdoc, mdoc.sections[0], 8, 8) == {"total_dose": 8.0}


def test_a_broken_mdoc_costs_the_facts_only(tmp_path: Path) -> None:
    """A movie whose mdoc is empty is imported; what it lacks is said."""
    write_tiff(tmp_path / "a.tif", FRAMES)
    (tmp_path / "a.tif.mdoc").touch()
    (recording,) = find_recordings([tmp_path]).recordings
    assert recording.lacks == "its mdoc cannot be read"
    assert "a.tif.mdoc" in recording.remarks[0]
    (tmp_path / "a.tif.mdoc").unlink()
    assert find_recordings([tmp_path]).recordings[0].lacks == ""


def test_expected_frames_are_those_of_the_mdoc(tmp_path: Path) -> None:
    """What the metadata state can be asked for before a movie is opened."""
    mdoc = tmp_path / "a.mdoc"
    mdoc.write_text("[FrameSet = 0]\nSubFramePath = D:\\a.tif\nNumSubFrames = 40\n")
    companions = Companions([mdoc])
    assert companions.expected_frames(tmp_path / "a.tif") == 40
    assert companions.expected_frames(tmp_path / "b.tif") is None
    assert companions.expected_frames(tmp_path / "a.eer") is None
    companions.discard(mdoc)
    assert companions.expected_frames(tmp_path / "a.tif") is None
