"""SerialEM's mdocs: globals, sections and titles are read, and nothing is lost."""

import doctest
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryobatch.errors import BadInput
from cryobatch.formats import mdoc
from cryobatch.formats.mdoc import Items, parse_date, parse_mdoc, read_mdoc

TEXT = """T = SerialEM: Krios Camera -> 0:Ceta 1:GIF-K3   08-Oct-21  07:38:24
Voltage = 300
[FrameSet = 0]
tiltangle = -12.5
SubFramePath = X:\\a day\\frames/b_001.TIF
StagePosition = 1.5 -2
NoSuchKey = a = b [c]
DateTime = 08-Oct-2021  07:39:08
"""


def test_frame_sets_of_real_files_are_read(shared_data: Callable[[str], Path]) -> None:
    """One movie has one section; extra sections of a long exposure are no movies."""
    single = read_mdoc(shared_data("serialem/frame_set_single.mdoc"))
    assert (len(single.frame_sets), single.views) == (1, ())
    assert single.shared.number("Voltage") == 300
    section = single.frame_sets[0]
    assert section.frames_name == "s_mmm_00993_33.0_Oct08_07.39.05.tif"
    assert section.recorded_at == datetime(2021, 10, 8, 7, 39, 8)
    assert section.items.numbers("ImageShift") == (2.69654, -0.304661)
    several = read_mdoc(shared_data("serialem/frame_set_multiple.mdoc"))
    assert (len(several.sections), len(several.frame_sets), several.views) == (21, 1, ())
    assert several.sections[20].items.number("PriorRecordDose") == 145.817


def test_a_real_tilt_series_is_read(shared_data: Callable[[str], Path]) -> None:
    """Globals, bracketed titles and all 41 images of a series are there."""
    series = read_mdoc(shared_data("serialem/tilt_series.mdoc"))
    assert (len(series.views), series.frame_sets) == (41, ())
    assert series.shared.numbers("ImageSize") == (924, 958)
    assert series.titles[0].startswith("SerialEM: Digitized on EMBL Krios")
    assert series.titles[1].startswith("Tilt axis angle = 85.3")
    assert series.views[40].frames_name == "TS_01_040_60.0.mrc"


@pytest.mark.parametrize("name", ["frame_set_single", "frame_set_multiple", "tilt_series"])
def test_every_line_of_a_real_file_is_kept(shared_data: Callable[[str], Path], name: str) -> None:
    """Keys that nobody knows are kept like all others, with their text."""
    path = shared_data(f"serialem/{name}.mdoc")
    found = read_mdoc(path)
    lines = [line.strip() for line in path.read_text().splitlines()]
    wanted = [
        line for line in lines if "=" in line and not line.startswith("[") and line[:3] != "T ="
    ]
    places = [found.shared, *(section.items for section in found.sections)]
    assert [f"{k} = {v}" for items in places for k, v in items.texts.items()] == wanted


def test_keys_are_found_whatever_their_case() -> None:
    """Programs write keys in other cases; what a value holds is not touched."""
    found = parse_mdoc(TEXT, "a")
    items = found.sections[0].items
    assert items.number("TiltAngle") == -12.5
    assert items.text("NoSuchKey") == "a = b [c]"
    assert items.number("StagePosition") is None
    assert items.numbers("SubFramePath") == ()
    assert found.sections[0].frames_name == "b_001.TIF"
    assert found.titles == ("SerialEM: Krios Camera -> 0:Ceta 1:GIF-K3   08-Oct-21  07:38:24",)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30-Nov-15  15:21:38", datetime(2015, 11, 30, 15, 21, 38)),
        ("01-MAR-2024 05:01:02", datetime(2024, 3, 1, 5, 1, 2)),
        ("31-Feb-24  05:01:02", None),
        ("30-Mai-15  15:21:38", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_have_2_or_4_digits_of_the_year(text: str, moment: datetime | None) -> None:
    """Both spellings mean the same; what is no date is none."""
    assert parse_date(text) == moment


@pytest.mark.parametrize("text", ["nan", "inf 1", "1e999", "1 two"])
def test_what_is_no_number_is_none(text: str) -> None:
    """Infinity and words are nobody's measurement."""
    assert Items({"a": text}).numbers("a") == ()


def test_what_is_no_mdoc_is_refused(tmp_path: Path) -> None:
    """An empty, vanished or other file is refused by name; any bytes give an answer."""
    path = tmp_path / "a.mdoc"
    with pytest.raises(BadInput, match=r"a\.mdoc"):
        read_mdoc(path)
    for content in (b"", b"PixelSpacing = 1\n", bytes(range(256))):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"a\.mdoc.*no section"):
            read_mdoc(path)
    path.write_bytes(b"[FrameSet = 0]\nSubFramePath = D:\\\xff\n")
    assert read_mdoc(path).frame_sets[0].frames_name == "\ufffd"


@given(st.text(max_size=200))
def test_any_text_gives_an_answer(text: str) -> None:
    """Whatever stands in a file, it is read or refused."""
    found = parse_mdoc(f"[ZValue = 0]\n{text}", "a")
    assert found.sections[0].kind == "ZValue"
    assert found.sections[0].recorded_at is None or found.sections[0].items.text("DateTime")


def test_examples_hold() -> None:
    """What the docstrings show is what comes out."""
    assert doctest.testmod(mdoc).failed == 0
