"""A folder is surveyed before anybody watches it: by the same rules, and within seconds."""

from collections.abc import Iterator
from pathlib import Path

from cryobatch.importing.layouts.pattern import parse_pattern
from cryobatch.importing.layouts.pattern_trial import try_pattern
from cryobatch.importing.layouts.recognise import recognise_layouts
from cryobatch.importing.survey import LONGEST_S, Survey, survey_folder
from cryobatch.importing.watching.patterns import Patterns

EPU = "FoilHole_9015883_Data_9017347_6_20250108_154915"


def touch(folder: Path, *names: str) -> None:
    """Make files of one byte."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_only_wanted_recordings_are_counted(tmp_path: Path) -> None:
    """Sums beside movies, gain references, hidden and ignored folders are not recordings."""
    touch(tmp_path / "GridSquare_1/Data", f"{EPU}_fractions.tiff", f"{EPU}.mrc", f"{EPU}.xml")
    touch(tmp_path, "gain.mrc", "old/a.tiff", ".hidden/b.tiff", "c.txt")
    found = survey_folder(tmp_path, Patterns(ignore=("old",)))
    assert [path.name for path in found.recordings] == [f"{EPU}_fractions.tiff"]
    assert (found.kinds(), found.sizes, found.unwanted) == ({"tiff": 1}, [1], 2)
    assert [path.name for path in found.metadata] == [f"{EPU}.xml"]
    assert found.whole


def test_a_large_folder_is_looked_at_in_part(tmp_path: Path) -> None:
    """Whoever asks does not wait; that it was not all is said."""
    touch(tmp_path, *(f"{n}/{n}.mrc" for n in range(20)))

    def ticks() -> Iterator[float]:
        yield from (LONGEST_S / 20 * n for n in range(10_000))

    times = ticks()
    found = survey_folder(tmp_path, Patterns(), clock=lambda: next(times))
    assert not found.whole
    assert len(found.recordings) < 20


def test_a_sample_is_spread_evenly() -> None:
    """First and last are in it, no recording twice, and all where there are few."""
    paths = [Path(f"{n:03}.mrc") for n in range(101)]
    assert Survey(Path(), paths).sample(3) == [paths[0], paths[50], paths[100]]
    assert Survey(Path(), paths[:4]).sample(12) == paths[:4]
    assert Survey(Path(), paths[:1]).sample(3) == paths[:1]
    assert Survey(Path()).sample(3) == []


def test_programs_are_known_by_their_names() -> None:
    """EPU with its XML, SerialEM by mdocs, Leginon, and a laboratory's own names."""
    epu = Path(f"GridSquare_1/Data/{EPU}_fractions.tiff")
    (found,) = recognise_layouts([epu], [Path(f"GridSquare_1/Data/{EPU}.xml")])
    assert (found.program, found.recordings, found.note) == ("EPU", 1, "1 grid square, 1 XML file")
    (apart,) = recognise_layouts([Path(epu.name)], [])
    assert "no XML here" in apart.note
    (serial,) = recognise_layouts([Path("a.tif"), Path("b.tif")], [Path("a.tif.mdoc")])
    assert (serial.program, serial.note) == ("SerialEM", "1 mdoc file")
    leginon = Path("20mar01_a_00002gr_00011sq_v01_00005hl_00003en.frames.mrc")
    several = recognise_layouts([leginon, Path("x.mrc"), Path("y.mrc")], [])
    assert [(one.program, one.recordings) for one in several] == [
        ("names of their own", 2), ("Leginon", 1),
    ]  # fmt: skip


def test_a_trial_shows_what_a_pattern_reads() -> None:
    """Pieces in order with their parts, also from folders; what does not fit stays whole."""
    paths = [Path("/data/G1/S2_007.mrc"), Path("/data/G1/other.mrc")]
    trial = try_pattern(parse_pattern("{grid}/S{square}_{number}"), paths, paths)
    assert trial.names[0] == [("G1", "grid"), ("/S", None), ("2", "grid_square"), ("_", None),
                              ("007", "exposure_number")]  # fmt: skip
    assert trial.names[1] == [("G1/other", None)]
    assert (trial.groups, trial.fitting, trial.count) == (["G1_2", None], 1, 2)
