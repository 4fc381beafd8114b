"""The search for gain references: the session's own is found, others are not taken."""

import os
from pathlib import Path

import numpy as np
import pytest

from cryobatch.formats.mrc import write_image
from cryobatch.importing.doubts.gain_search import find_lost, search_gain
from cryobatch.importing.layouts.epu_gain import gain_facts
from tests.dm_files import write_dm
from tests.recording_files import make_events, write_eer, write_mrc, write_tiff

SIZE = (8, 12)


def write_gain(path: Path, size: tuple[int, int] = SIZE, age_s: int = 0) -> Path:
    """Write a gain reference, as old as is wanted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gain":
        write_tiff(path.with_suffix(".tif"), np.ones((1, *size), np.float32))
        path.with_suffix(".tif").rename(path)
    else:
        write_image(path, np.ones(size, np.float32), 1.0)
    os.utime(path, (1e9 - age_s, 1e9 - age_s))
    return path


def write_movie(folder: Path, dtype: str = "uint8") -> Path:
    """Write a movie into a folder below."""
    path = folder / "session" / "Data" / "movie.mrc"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mrc(path, np.ones((2, *SIZE), dtype))
    return path


@pytest.mark.parametrize("place", ["session/Data/gain.mrc", "session/Data/x_gain.mrc",
                                   "session/GainRef.mrc", "session/CountRef_1.mrc"])  # fmt: skip
def test_a_gain_beside_or_above_the_movie_is_found(tmp_path: Path, place: str) -> None:
    """By its name, and because it has the frames' size."""
    movie = write_movie(tmp_path)
    gain = write_gain(tmp_path / place)
    assert search_gain(movie, *SIZE, stated=None).path == gain


def test_a_gain_that_lies_crosswise_is_found_too(tmp_path: Path) -> None:
    """Its rotation is another question."""
    movie = write_movie(tmp_path)
    gain = write_gain(movie.parent / "gain.mrc", (SIZE[1], SIZE[0]))
    assert search_gain(movie, *SIZE, stated=None).path == gain


def test_the_nearest_and_then_the_newest_is_taken(tmp_path: Path) -> None:
    """A session may have a new one at any time; that of a folder above is not this session's."""
    movie = write_movie(tmp_path)
    write_gain(movie.parent.parent / "gain.mrc")
    write_gain(movie.parent / "gain_1.mrc", age_s=100)
    newest = write_gain(movie.parent / "gain_2.mrc", age_s=50)
    assert search_gain(movie, *SIZE, stated=None).path == newest
    newer = write_gain(movie.parent / "gain_3.mrc")
    assert search_gain(movie, *SIZE, stated=None).path == newer


def test_only_the_sessions_own_folders_are_searched(tmp_path: Path) -> None:
    """In EPU's tree up to the folder with the discs, elsewhere one folder up."""
    movie = write_movie(tmp_path)
    above = write_gain(tmp_path / "gain.mrc")
    assert search_gain(movie, *SIZE, stated=None).path is None
    epu = tmp_path / "Images-Disc1" / "GridSquare_1" / "Data" / "movie.mrc"
    epu.parent.mkdir(parents=True)
    write_mrc(epu, np.ones((2, *SIZE), "uint8"))
    assert search_gain(epu, *SIZE, stated=None).path == above


def test_movies_that_are_corrected_get_none(tmp_path: Path) -> None:
    """Pixels that are no whole numbers were multiplied by a gain already."""
    movie = write_movie(tmp_path, "float32")
    write_gain(movie.parent / "gain.mrc")
    found = search_gain(movie, *SIZE, stated=None)
    assert (found.path, found.problem) == (None, "")


def test_what_the_session_says_of_its_gain_holds(tmp_path: Path) -> None:
    """Uncorrected counts need one; corrected ones get none, though one lies near."""
    movie = write_movie(tmp_path)
    assert search_gain(movie, *SIZE, stated=None).problem == ""
    assert "--gain" in search_gain(movie, *SIZE, stated=None, applied=False).problem
    gain = write_gain(movie.parent / "gain.mrc")
    assert search_gain(movie, *SIZE, stated=None, applied=False).path == gain
    found = search_gain(movie, *SIZE, stated=None, applied=True)
    assert (found.path, found.problem) == (None, "")
    movie.unlink()
    gain.unlink()
    write_movie(tmp_path, "float32")
    assert search_gain(movie, *SIZE, stated=None, applied=False).problem == ""


@pytest.mark.parametrize(
    ("words", "applied"),
    [
        ("Tiff Lzw Non-Gain normalized", False),
        ("Mrc Gain normalized", True),
        ("Eer", None),
        ("", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("beside", ["xml", "movie"])
def test_a_session_of_epu_says_whether_it_corrects(
    tmp_path: Path, words: str, applied: bool | None, beside: str
) -> None:
    """In its own file, in the folder above discs; it may be where XML or movies are."""
    data = Path("Images-Disc1/GridSquare_1/Data")
    session = tmp_path / beside / "EpuSession.dm"
    session.parent.mkdir()
    told = f"<DoseFractionsOutputFormat>{words}</DoseFractionsOutputFormat>" if words else ""
    session.write_text(f'<EpuSessionXml xmlns="s">{told}</EpuSessionXml>')
    facts = gain_facts(tmp_path / "xml" / data / "a.xml", tmp_path / "movie" / data / "a.tiff")
    assert facts.get("gain_applied") is applied


def test_a_session_file_that_is_none_says_nothing(tmp_path: Path) -> None:
    """It is written just now, or somebody else's."""
    (tmp_path / "EpuSession.dm").write_text("<EpuSess")
    assert gain_facts(tmp_path / "a.xml") == {}


def test_a_gain_that_earlier_movies_had_is_missed(tmp_path: Path) -> None:
    """Where it lay near and is gone, and the movie holds counts."""
    movie = write_movie(tmp_path)
    other = tmp_path / "elsewhere" / "gain.mrc"
    own = movie.parent / "gain.mrc"
    assert find_lost(movie, [other, own]) == own
    assert find_lost(movie, [other]) is None
    write_gain(own)
    assert find_lost(movie, [own]) is None
    own.unlink()
    movie.unlink()
    assert find_lost(write_movie(tmp_path, "float32"), [own]) is None


def test_gains_of_other_sizes_are_not_taken(tmp_path: Path) -> None:
    """They belong to another camera; one that lies beside counts makes them doubtful."""
    movie = write_movie(tmp_path)
    shared = write_gain(tmp_path / "site" / "gain.mrc", (16, 16)).parent
    assert search_gain(movie, *SIZE, stated=None, folder=shared).problem == ""
    write_gain(movie.parent / "gain.mrc", (16, 16))
    assert "not of 12 x 8 pixels" in search_gain(movie, *SIZE, stated=None).problem
    assert "not of 12 x 8 pixels" in search_gain(movie, *SIZE, stated="gain.mrc").problem


def test_the_reference_that_the_recording_names_is_taken_and_no_other(tmp_path: Path) -> None:
    """By its name without ending, also in the site's folder; a Windows path is understood."""
    movie = write_movie(tmp_path)
    write_gain(movie.parent / "gain.mrc")
    stated = r"X:\frames\SuperRef_1.dm4"
    assert "SuperRef_1.dm4" in search_gain(movie, *SIZE, stated=stated).problem
    site = tmp_path / "site"
    converted = write_gain(site / "SuperRef_1.mrc")
    assert search_gain(movie, *SIZE, stated=stated, folder=site).path == converted


def test_a_gain_in_a_format_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A person must convert it: nothing is processed without."""
    movie = write_movie(tmp_path)
    (movie.parent / "SuperRef_1.raw").write_bytes(b"raw")
    found = search_gain(movie, *SIZE, stated="SuperRef_1.raw")
    assert found.path is None
    assert "SuperRef_1.raw cannot be read: convert it to MRC" in found.problem


def test_a_gain_of_gatan_s_is_taken(tmp_path: Path) -> None:
    """The DM4 that SerialEM leaves beside the frames fits by its size; a broken one does not."""
    movie = write_movie(tmp_path)
    gain = write_dm(movie.parent / "SuperRef_1.dm4", np.ones(SIZE, np.float32))
    assert search_gain(movie, *SIZE, stated=r"X:\SuperRef_1.dm4").path == gain
    gain.write_bytes(b"dm4")
    found = search_gain(movie, *SIZE, stated="SuperRef_1.dm4")
    assert (found.path, "SuperRef_1.dm4" in found.problem) == (None, True)


def test_eer_movies_need_a_gain(tmp_path: Path) -> None:
    """A .gain of the camera's or of half its pixels fits; without any that is said."""
    movie = tmp_path / "day" / "movie.eer"
    movie.parent.mkdir()
    write_eer(movie, make_events(3, (8, 8), 2, seed=1), (8, 8))
    assert "none was found" in search_gain(movie, 8, 8, stated=None).problem
    gain = write_gain(tmp_path / "2026_EER_GainReference.gain", (4, 4))
    assert search_gain(movie, 8, 8, stated=None).path == gain


def test_broken_references_are_passed_over(tmp_path: Path) -> None:
    """A file that only has the name costs nothing."""
    movie = write_movie(tmp_path)
    (movie.parent / "gain.mrc").write_bytes(b"no image")
    (movie.parent / "gain.tif").write_bytes(b"")
    found = search_gain(movie, *SIZE, stated=None)
    assert (found.path, found.problem) == (None, "")
