"""A real EPU session: every exposure gets all its facts, wherever its movie lies."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cryobatch.importing import Recording, find_recordings
from tests.recording_files import make_events, write_eer, write_mrc, write_tiff

FRAMES = np.random.default_rng(4).integers(0, 9, (50, 4, 5760)).astype(np.uint8)

EXPOSURES = {
    "FoilHole_9015883_Data_9017347_6_20250108_154915": {
        "grid_square": "8999138", "foil_hole": "9015883", "shot": "9017347",
        "total_dose": 14.4108, "defocus_set": 27_000.0,
        "stage_x": -97.1520, "stage_y": -152.7218, "stage_z": 85.7108,
        "beam_shift_x": 0.060867, "beam_shift_y": -0.154228, "tilt_angle": -0.02472,
        "square_x": -98.8057, "square_y": -164.7162,
    },
    "FoilHole_9015883_Data_9017354_6_20250108_154918": {
        "grid_square": "8999138", "foil_hole": "9015883", "shot": "9017354",
        "total_dose": 14.5578, "defocus_set": 27_000.0,
        "stage_x": -97.1530, "stage_y": -152.7229, "stage_z": 85.7108,
        "beam_shift_x": 0.082489, "beam_shift_y": -0.139462, "tilt_angle": -0.02472,
        "square_x": -98.8057, "square_y": -164.7162,
    },
    "FoilHole_9028219_Data_9017347_50_20250109_062621": {
        "grid_square": "8999186", "foil_hole": "9028219", "shot": "9017347",
        "total_dose": 14.0554, "defocus_set": 15_000.0,
        "stage_x": -472.5198, "stage_y": -43.2079, "stage_z": 54.3925,
        "beam_shift_x": -0.346393, "beam_shift_y": 0.218661, "tilt_angle": -0.023222,
        "square_x": -479.2170, "square_y": -65.5408,
    },
    "FoilHole_9028219_Data_9017354_50_20250109_062624": {
        "grid_square": "8999186", "foil_hole": "9028219", "shot": "9017354",
        "total_dose": 14.1539, "defocus_set": 15_000.0,
        "stage_x": -472.5207, "stage_y": -43.2090, "stage_z": 54.3925,
        "beam_shift_x": -0.324772, "beam_shift_y": 0.233427, "tilt_angle": -0.023222,
        "square_x": -479.2170, "square_y": -65.5408,
    },
}  # fmt: skip
TIMES = {
    "FoilHole_9015883_Data_9017347_6_20250108_154915": "2025-01-08T15:49:18.1158288+00:00",
    "FoilHole_9015883_Data_9017354_6_20250108_154918": "2025-01-08T15:49:21.1049704+00:00",
    "FoilHole_9028219_Data_9017347_50_20250109_062621": "2025-01-09T06:26:23.6847143+00:00",
    "FoilHole_9028219_Data_9017354_50_20250109_062624": "2025-01-09T06:26:26.4345786+00:00",
}
SAME = {
    "voltage": 300.0, "magnification": 165_000.0, "exposure_time": 0.89, "spot_size": 5,
    "energy_slit": 20.0, "phase_plate": False, "camera": "BioQuantum K3",
    "microscope": "TITAN52336320", "beam_tilt_x": 0.011411, "beam_tilt_y": -0.014906,
    "image_shift_x": 0.0, "frames_expected": 50, "gain_applied": False,
}  # fmt: skip


@pytest.fixture
def session(tmp_path: Path, shared_data: Callable[[str], Path]) -> Path:
    """A copy of the real session, without movies."""
    return Path(shutil.copytree(shared_data("epu_session"), tmp_path / "session"))


def later(stem: str, seconds: int) -> str:
    """Return an exposure's name with a time that is some seconds later."""
    return stem[:-2] + f"{int(stem[-2:]) + seconds:02}"


def make_movies(session: Path, root: Path, ending: str, *, flat: bool, seconds: int = 2) -> None:
    """Write a movie of each exposure, its name some seconds later than its XML's."""
    for number, stem in enumerate(EXPOSURES):
        (xml,) = session.rglob(f"{stem}.xml")
        place = root / f"disc{number % 2}" if flat else root / xml.parent.relative_to(session)
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{later(stem, seconds)}{ending}"
        frames = FRAMES + np.uint8(number)
        if ending.endswith("mrc"):
            write_mrc(path, frames)
        else:
            write_tiff(path, frames)


def check(recordings: tuple[Recording, ...], pixel_size: float = 0.52794) -> None:
    """See that each exposure was found once, with all its facts."""
    assert len(recordings) == len(EXPOSURES)
    for recording, (stem, own) in zip(
        sorted(recordings, key=lambda item: item.name), EXPOSURES.items(), strict=True
    ):
        assert recording.name.startswith(stem[:-3])
        facts = {name: fact.value for name, fact in recording.facts.items()}
        wanted = {**SAME, **own, "pixel_size": pixel_size}
        found = {name: facts.get(name) for name in wanted}
        for name, value in wanted.items():
            near = pytest.approx(value, rel=1e-5, abs=1e-4) if isinstance(value, float) else value
            assert found[name] == near, name
        assert recording.facts["total_dose"].source == f"EPU XML {stem}.xml"
        assert recording.recorded_at == TIMES[stem]
        assert recording.group == f"GridSquare_{own['grid_square']}"
        assert (recording.lacks, recording.remarks, recording.disagreements) == ("", (), ())


@pytest.mark.parametrize("ending", ["_fractions.tiff", "_Fractions.mrc", "_fractions.TIF"])
def test_movies_beside_their_xml(session: Path, ending: str) -> None:
    """In EPU's own tree every exposure has its facts, whatever the ending of its movie."""
    make_movies(session, session, ending, flat=False)
    found = find_recordings([session])
    check(found.recordings)
    assert found.refused == ()


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("seconds", [-5, 0, 20])
def test_movies_under_another_root(session: Path, flat: bool, seconds: int) -> None:
    """Movies on other discs, in EPU's folders or in none, with other seconds in their names."""
    movies = session.parent / "movies"
    make_movies(session, movies, "_fractions.tiff", flat=flat, seconds=seconds)
    check(find_recordings([movies, session]).recordings)
    check(find_recordings([session, movies / ".."]).recordings)


def test_a_sum_is_no_second_recording(session: Path) -> None:
    """EPU's own sums are left out where the movies lie under another root."""
    movies = session.parent / "movies"
    make_movies(session, movies, "_fractions.tiff", flat=True)
    for stem in EXPOSURES:
        (xml,) = session.rglob(f"{stem}.xml")
        write_mrc(xml.with_suffix(".mrc"), FRAMES[0])
    check(find_recordings([movies, session]).recordings)


def test_eer_movies_count_their_own_frames(session: Path) -> None:
    """The fractions of the XML say nothing about the frames of an EER."""
    for stem in EXPOSURES:
        (xml,) = session.rglob(f"{stem}.xml")
        write_eer(xml.with_name(f"{stem}_EER.eer"), make_events(3, (16, 16), 5), (16, 16))
    recordings = find_recordings([session]).recordings
    assert [(item.frames, item.root_product) for item in recordings] == [(3, "movie")] * 4
    assert all("frames_expected" not in item.facts for item in recordings)
    assert all(item.facts["voltage"].value == 300.0 for item in recordings)


@pytest.mark.parametrize(
    ("columns", "pixel", "finer"), [(11_520, 0.26397, True), (2880, 1.05588, False)]
)
def test_the_movie_s_width_decides_its_pixel_size(
    session: Path, columns: int, pixel: float, finer: bool
) -> None:
    """Super-resolution and binned movies get their own pixel size."""
    stem = next(iter(EXPOSURES))
    (xml,) = session.rglob(f"{stem}.xml")
    write_tiff(xml.with_name(f"{stem}_fractions.tiff"), np.ones((2, 2, columns), np.uint8))
    facts = find_recordings([session]).recordings[0].facts
    assert facts["pixel_size"].value == pytest.approx(pixel, abs=1e-5)
    assert facts["super_resolution"].value is finer


def test_where_holes_are_is_known_for_a_map(session: Path) -> None:
    """An exposure of a hole that was recorded knows the stage position of that, the last one."""
    (xml,) = session.rglob(f"{next(iter(EXPOSURES))}.xml")
    own = xml.with_name("FoilHole_9015889_Data_9017347_6_20250108_154915.xml")
    own.write_bytes(xml.read_bytes())
    write_mrc(own.with_suffix(".mrc"), FRAMES[0])
    facts = find_recordings([session]).recordings[0].facts
    assert facts["hole_x"].value == pytest.approx(-97.146, abs=1e-3)
    assert facts["hole_y"].value == pytest.approx(-152.722, abs=1e-3)


def test_a_movie_whose_xml_is_missing_says_so(session: Path) -> None:
    """A movie that came before its XML lacks it, and one with a broken XML too."""
    stem = next(iter(EXPOSURES))
    (xml,) = session.rglob(f"{stem}.xml")
    write_tiff(xml.with_name(f"{stem}_fractions.tiff"), FRAMES)
    content = xml.read_bytes()
    xml.write_bytes(content[:900])
    half = find_recordings([session]).recordings[0]
    assert (half.lacks, len(half.remarks)) == (f"{stem}.xml cannot be read", 1)
    xml.unlink()
    none = find_recordings([session]).recordings[0]
    assert none.lacks == "its XML is not there"
    assert "voltage" not in none.facts
    xml.write_bytes(content)
    assert find_recordings([session]).recordings[0].metadata == (xml,)
