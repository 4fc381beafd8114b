"""Name patterns: facts and groups from the names that a laboratory gives its files."""

import time
from pathlib import Path

import numpy as np
import pytest

from cryobatch.errors import UnknownNameError, UsageError
from cryobatch.importing import find_recordings
from cryobatch.importing.layouts.pattern import parse_pattern
from tests.recording_files import write_tiff


def read(pattern: str, path: str) -> tuple[dict[str, object], str | None] | None:
    """Return what a pattern reads from a path."""
    named = parse_pattern(pattern).read(Path(path))
    if named is None:
        return None
    return {name: fact.value for name, fact in named.facts.items()}, named.group


@pytest.mark.parametrize(
    ("pattern", "path", "facts", "group"),
    [
        ("{grid}_{square}_{number}", "/d/G1_sq5_0012.tif",
         {"grid": "G1", "grid_square": "sq5", "exposure_number": 12}, "G1_sq5"),
        ("{square}-*", "/d/sq 7-a.b-c.mrc.gz", {"grid_square": "sq 7"}, "sq 7"),
        ("{grid}/{square}/*_{tilt}deg", "/x/G1/S2/ts_-12.5deg.eer",
         {"grid": "G1", "grid_square": "S2", "tilt_angle": -12.5}, "G1_S2"),
        ("{group}_{defocus_set}A", "/d/left_15000A.tif", {"defocus_set": 15000.0}, "left"),
        ("[{hole}]*", "/d/[3] copy (2).TIFF", {"foil_hole": "3"}, None),
        ("EN_{number}", "/d/en_7.tif", {"exposure_number": 7}, None),
        ("{tilt_angle}_{number}", "/d/900_7.tif", {"exposure_number": 7}, None),
    ],
)  # fmt: skip
def test_named_parts_become_facts_and_group(
    pattern: str, path: str, facts: dict[str, object], group: str | None
) -> None:
    """What a name says is known in the fact's own type; what cannot be true is left out."""
    assert read(pattern, path) == (facts, group)


@pytest.mark.parametrize("path", ["/d/G1.tif", "/d/G1_sq5_x.tif", "/d/_sq5_1.tif"])
def test_other_names_say_nothing(path: str) -> None:
    """A name that does not fit the pattern gives neither facts nor group."""
    assert read("{grid}_{square}_{number}", path) is None


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("frames_*", "parts in braces"),
        ("{grid}_{grid}", "twice"),
        ("{square}_{grid_square}", "twice"),
        ("{grid}{square}{hole}{label}{camera}{microscope}", "more than 5"),
    ],
)
def test_patterns_that_mean_nothing_are_refused(pattern: str, why: str) -> None:
    """The error says what is wrong with the pattern."""
    with pytest.raises(UsageError, match=why):
        parse_pattern(pattern)


def test_unknown_parts_are_named_with_the_known_ones() -> None:
    """Who misspells a part is told the nearest."""
    with pytest.raises(UnknownNameError, match=r"'sqare'; known: square"):
        parse_pattern("{sqare}_*")


def test_no_name_takes_long() -> None:
    """A name that almost fits in very many ways is still answered soon."""
    pattern = parse_pattern("{grid}_{square}_{hole}_*_{number}")
    start = time.process_time()
    assert pattern.read(Path("/d") / ("a_" * 120 + "x.tif")) is None
    assert time.process_time() - start < 5.0


def test_recordings_get_facts_and_group_from_their_names(tmp_path: Path) -> None:
    """Facts of the name give way to what metadata say, and name the file name as their source."""
    write_tiff(tmp_path / "G1_sq5_0012.tif", np.ones((3, 8, 8), np.uint8))
    write_tiff(tmp_path / "other.tif", np.zeros((3, 8, 8), np.uint8))
    (tmp_path / "G1_sq5_0012.tif.mdoc").write_text("[FrameSet = 0]\nNavigatorLabel = 7\n")
    pattern = parse_pattern("{grid}_{square}_{number}")
    one, other = find_recordings([tmp_path], pattern=pattern).recordings
    assert one.group == "G1_sq5"
    assert one.facts["grid"].source == "file name"
    assert one.facts["navigator_label"].value == "7"
    assert other.group == tmp_path.name
    assert "grid" not in other.facts
