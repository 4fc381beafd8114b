"""Layouts: which files are recordings, and where they belong."""

import doctest
import os
import re
from pathlib import Path

import pytest

from cryobatch.importing import names
from cryobatch.importing.layouts.layout import (
    choose_group,
    choose_recordings,
    match_metadata,
    parse_exposure,
)
from cryobatch.importing.names import make_safe, make_unique

DATA = Path("/raw/Images-Disc1/GridSquare_17/Data")
NAME = "FoilHole_1_Data_2_3_20250108_154915"


@pytest.mark.parametrize("ending", ["_fractions.tiff", "_Fractions.mrc", "_EER.eer", ".xml"])
def test_names_of_epu_tell_their_exposure(ending: str) -> None:
    """Movie and XML of an exposure have the same key, whatever their ending."""
    exposure = parse_exposure(NAME + ending)
    assert exposure is not None
    assert exposure.key == "FoilHole_1_Data_2_3"
    assert exposure.foil_hole == "1"
    assert bool(exposure.ending) == (ending != ".xml")


@pytest.mark.parametrize("name", ["a.mrc", "FoilHole_1_20250108_154915.mrc", f"{NAME[:-8]}99.xml"])
def test_other_names_are_no_exposures(name: str) -> None:
    """Images of holes, and names of other programs, tell nothing."""
    assert parse_exposure(name) is None


@pytest.mark.parametrize(
    ("name", "is_movie"),
    [
        ("FoilHole_1_Data_2_3_20160730_0223.xml", False),
        ("FoilHole_1_Data_2_3_20160730_0223.mrc", False),
        ("FoilHole_1_Data_2_3_20160730_0223_frames.mrcs", True),
        ("FoilHole_1_Data_2_3_20160730_0223-10492.mrc", True),
    ],
)
def test_names_of_early_epu_tell_their_exposure(name: str, is_movie: bool) -> None:
    """Early names have no seconds, and numbers behind the time of a movie."""
    exposure = parse_exposure(name)
    assert exposure is not None
    assert (exposure.key, exposure.stamp.minute) == ("FoilHole_1_Data_2_3", 23)
    assert bool(exposure.ending) == is_movie


def test_only_data_of_a_grid_square_is_taken() -> None:
    """Images of squares and holes, gain references and sums of kept movies are left out."""
    square = DATA.parent
    movie = DATA / f"{NAME}_fractions.tiff"
    lone = DATA / "FoilHole_9_Data_2_3_20250108_154915.mrc"
    others = [
        DATA / f"{NAME}.mrc",
        DATA / "gain.mrc",
        DATA / "FoilHole_1_20250108_154715.mrc",
        square / "GridSquare_20250108_151151.mrc",
        square / "FoilHoles" / "FoilHole_1_20250108_154715.mrc",
        Path("/raw/2025_EER_GainReference.gain"),
    ]
    named = DATA / "renamed by hand.mrc"
    assert choose_recordings([movie, lone, named, *others]) == [movie, lone, named]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("gain.mrc", False),
        ("K3_gainref_x1.tif", False),
        ("GainReference.tiff", False),
        ("SuperRef_3.mrc", False),
        ("defects_1.tif", False),
        (".hidden.mrc", False),
        ("picks.csv", False),
        ("again_1.mrc", True),
        ("May08_03.05.02.mrc", True),
    ],
)
def test_references_are_no_recordings(name: str, taken: bool) -> None:
    """Gain references and defects that lie beside the movies are not imported."""
    assert bool(choose_recordings([Path("/raw/session") / name])) == taken


def test_groups_are_grid_squares_or_folders() -> None:
    """A movie under another root gets the grid square of its XML."""
    xml = DATA / f"{NAME}.xml"
    assert choose_group(DATA / "a.tiff", None) == "GridSquare_17"
    assert choose_group(Path("/movies/flat/a.tiff"), xml) == "GridSquare_17"
    assert choose_group(Path("/movies/my day (2)/a.tiff"), None) == "my_day_2"
    assert choose_group(Path("/a.tiff"), None) == "images"


def test_xml_is_found_by_exposure_and_nearest_time() -> None:
    """Seconds between the two names do not matter; another exposure of the hole does."""
    movie = DATA / "FoilHole_1_Data_2_3_20250108_154915_fractions.tiff"
    near = DATA / "FoilHole_1_Data_2_3_20250108_154918.xml"
    far = DATA / "FoilHole_1_Data_2_3_20250108_165918.xml"
    assert match_metadata(movie, [far, near]) == near
    assert match_metadata(movie, [far]) is None
    assert match_metadata(movie, []) is None


def test_xml_of_the_same_grid_square_comes_first() -> None:
    """Two sessions may give the same numbers: the grid square decides."""
    movie = DATA / f"{NAME}_fractions.tiff"
    other = Path("/b/GridSquare_99/Data") / f"{NAME}.xml"
    own = Path("/b/GridSquare_17/Data/FoilHole_1_Data_2_3_20250108_154925.xml")
    assert match_metadata(movie, [other, own]) == own


def test_names_become_safe_and_unique() -> None:
    """Whatever a file is called, its image's folder is a plain name, and its own."""
    assert make_safe("../../etc/passwd") == "etc_passwd"
    assert make_safe("Probe / 1 (a)…") == "Probe_1_a"
    assert make_safe("...", "images") == "images"
    assert len(make_safe("x" * 400)) <= 120
    assert make_unique("a", {"a", "a_2"}) == "a_3"
    assert make_unique("b", {"a"}) == "b"


def test_examples_of_the_names_hold() -> None:
    """What the docstrings show is what comes out."""
    results = doctest.testmod(names)
    assert results.attempted >= 2
    assert results.failed == 0


@pytest.mark.parametrize(
    "texts",
    [
        ("ünï", "uni", "n", "unì"),
        ("网格1", "网格2", "1", "日本", "Сетка"),
        ("x" * 200, "x" * 200 + "y", "x" * 120),
        (os.fsdecode(b"\xff"), os.fsdecode(b"\xfe"), "\ud800"),
    ],
)
def test_names_whose_letters_are_not_ascii_stay_apart(texts: tuple[str, ...]) -> None:
    """What is lost of a name is in its mark; the same letters, composed or not, are one name."""
    safe = [make_safe(text) for text in texts]
    assert len(set(safe)) == len(texts)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}", name) for name in safe)
    assert [make_safe(name) for name in safe] == safe
    assert make_safe("Gri\u0308d") == make_safe("Grïd")
