"""Metadata that are broken, huge or hostile cost their own facts, soon, and nothing else."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryobatch.importing import Recording, find_recordings
from tests.recording_files import write_mrc, write_tiff

NAME = "FoilHole_9015883_Data_9017347_6_20250108_154915"
FRAMES = np.ones((3, 8, 8), np.uint8)
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]><MicroscopeImage>&a9;</MicroscopeImage>"
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    "<MicroscopeImage><uniqueID>&x;</uniqueID></MicroscopeImage>"
)
DEEP = "<MicroscopeImage>" + "<a>" * 200_000 + "</a>" * 200_000 + "</MicroscopeImage>"


def import_with(folder: Path, name: str, content: bytes) -> Recording:
    """Return the recording that has this metadata file beside it, which cost little."""
    path = folder / f"{Path(name).stem}_fractions.tiff"
    write_tiff(path if name.endswith(".xml") else folder / Path(name).stem, FRAMES)
    (folder / name).write_bytes(content)
    start = time.process_time()
    (recording,) = find_recordings([folder]).recordings
    assert time.process_time() - start < 10.0
    return recording


@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        OUTSIDE,
        "",
        "<",
        "<MicroscopeImage>",
        "\0" * 5000,
        '<?xml version="1.0" encoding="x"?>',
    ],
    ids=["bomb", "outside", "empty", "start", "open", "zeros", "encoding"],
)
def test_broken_xml_costs_its_facts(tmp_path: Path, content: str) -> None:
    """The movie is a recording without facts from its XML, and the reason names the XML."""
    recording = import_with(tmp_path, f"{NAME}.xml", content.encode())
    assert recording.lacks == f"{NAME}.xml cannot be read"
    assert f"{NAME}.xml" in recording.remarks[0]
    assert "voltage" not in recording.facts
    assert not any("root:" in str(fact.value) for fact in recording.facts.values())


def test_odd_xml_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """Elements in each other without end, and numbers that are none, give no facts."""
    deep = import_with(tmp_path, f"{NAME}.xml", DEEP.encode())
    assert (deep.lacks, deep.remarks) == ("", ())
    text = (
        "<MicroscopeImage><microscopeData><gun><AccelerationVoltage>1e400</AccelerationVoltage>"
        "</gun><optics><BeamShift><_x>nan</_x><_y>x</_y></BeamShift></optics><acquisition><camera>"
        "<ReadoutArea><width>-1</width></ReadoutArea></camera></acquisition></microscopeData>"
        "<SpatialScale><pixelSize><x><numericValue>0</numericValue></x></pixelSize></SpatialScale>"
        "</MicroscopeImage>"
    )
    odd = import_with(tmp_path, f"{NAME}.xml", text.encode())
    assert {"voltage", "beam_shift_x", "pixel_size"}.isdisjoint(odd.facts)


@pytest.mark.parametrize("name", [f"{NAME}.xml", "a.tif.mdoc"])
def test_huge_pipes_and_vanished_metadata_are_no_hindrance(tmp_path: Path, name: str) -> None:
    """A metadata file of terabytes is not read, and a pipe is not waited for."""
    import_with(tmp_path, name, b"")
    path = tmp_path / name
    os.truncate(path, 1 << 40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (recording,) = find_recordings([tmp_path]).recordings
    assert "cannot be read" in recording.lacks
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10
    path.unlink()
    os.mkfifo(path)
    (recording,) = find_recordings([tmp_path]).recordings
    assert "cannot be read" in recording.lacks
    path.unlink()
    path.symlink_to(path)
    (recording,) = find_recordings([tmp_path]).recordings
    assert "cannot be read" in recording.lacks
    path.unlink()
    path.mkdir()
    assert len(find_recordings([tmp_path]).recordings) == 1


@given(content=st.binary(max_size=400))
@settings(max_examples=60)
def test_any_bytes_in_an_mdoc_cost_no_recording(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Whatever stands in an mdoc of frames or of a series, the movie is a recording."""
    folder = tmp_path_factory.mktemp("mdoc")
    (folder / "series.mdoc").write_bytes(b"[ZValue = 0]\nSubFramePath = a.tif\n" + content)
    recording = import_with(folder, "a.tif.mdoc", b"[FrameSet = 0]\n" + content)
    assert recording.root_product == "movie"


NUMBERS = st.sampled_from(
    ["0", "-1", "1e308", "nan", "inf", "1 2", "x", "", "99999999999999999999"]
)
KEYS = st.sampled_from([
    "PixelSpacing", "Binning", "ExposureDose", "NumSubFrames", "FrameDosesAndNumber", "SpotSize",
    "StagePosition", "TargetDefocus", "DateTime", "CameraIndex", "FilterSlitAndLoss", "ImageSize",
    "PriorRecordDose", "TiltAngle", "Voltage",
])  # fmt: skip


@given(items=st.dictionaries(KEYS, NUMBERS))
@settings(max_examples=100)
def test_odd_numbers_in_an_mdoc_cost_their_facts(
    tmp_path_factory: pytest.TempPathFactory, items: dict[str, str]
) -> None:
    """Zeros, huge numbers and words give no fact that cannot be true, and no error."""
    folder = tmp_path_factory.mktemp("numbers")
    text = "".join(f"{key} = {value}\n" for key, value in items.items())
    series = f"{text}[ZValue = 0]\nSubFramePath = a.tif\n{text}"
    (folder / "series.mdoc").write_text(series)
    recording = import_with(folder, "a.tif.mdoc", f"{text}[FrameSet = 0]\n{text}".encode())
    pixel = recording.facts.get("pixel_size")
    assert pixel is None or 0.05 <= float(pixel.value) <= 100


@pytest.mark.parametrize(
    "name",
    ["a b.tif", "it's.tif", 'say "x".tif', "two\nlines.tif", "x" * 251 + ".tif", "ä%s{}.tif"],
)
def test_odd_names_are_recordings_with_their_mdocs(tmp_path: Path, name: str) -> None:
    """Spaces, quotes, line ends and long names are names like others."""
    write_tiff(tmp_path / name, FRAMES)
    with_mdoc = len(name) < 240
    if with_mdoc:
        (tmp_path / f"{name}.mdoc").write_text("[FrameSet = 0]\nTiltAngle = 7\n")
    (recording,) = find_recordings([tmp_path]).recordings
    assert len(recording.name) <= 120
    assert recording.name.isprintable()
    assert ("tilt_angle" in recording.facts) == with_mdoc


def test_loops_of_links_and_dead_links_end(
    tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    """A real session with links in circles around it is searched once."""
    (tmp_path / "session").symlink_to(shared_data("epu_session"))
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "dead.mrc").symlink_to(tmp_path / "nothing.mrc")
    (tmp_path / "self.tif").symlink_to(tmp_path / "self.tif")
    write_mrc(tmp_path / "a.mrc", FRAMES.astype(np.int16))
    found = find_recordings([tmp_path])
    assert [item.name for item in found.recordings] == ["a"]
    assert sorted(item.path.name for item in found.refused) == ["dead.mrc", "self.tif"]
