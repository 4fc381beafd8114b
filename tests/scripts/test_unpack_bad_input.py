"""The script unpack on broken files: it works, or fails its own image with a reason."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryobatch.errors import BadInput, ScriptFailed
from cryobatch.model import Run
from cryobatch.scripts.unpack import unpack
from tests.recording_files import make_events, write_eer, write_mrc, write_tiff

SHAPE = (4, 40, 30)
MOVIES = ("a.mrc", "a.tif", "a.eer")
GAINS = ("gain.mrc", "gain.tif", "gain.gain")
DEFECTS = ("map.mrc", "areas.txt")


class Files(dict[str, bytes]):
    """Good files by name; a failing test does not print them."""

    def __repr__(self) -> str:
        return "the good files"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A movie, a gain reference and a defect map of each format, made once."""
    folder = tmp_path_factory.mktemp("good")
    random = np.random.default_rng(13)
    gain = random.uniform(0.5, 1.5, (1, *SHAPE[1:])).astype(np.float32)
    frames = random.integers(0, 9, SHAPE).astype(np.uint16)
    write_mrc(folder / "a.mrc", frames.astype(np.float32))
    write_tiff(folder / "a.tif", frames)
    write_eer(folder / "a.eer", make_events(6, SHAPE[1:], 20), SHAPE[1:])
    write_mrc(folder / "gain.mrc", gain[0])
    write_tiff(folder / "gain.tif", gain)
    write_tiff(folder / "gain.tiff", gain).rename(folder / "gain.gain")
    write_mrc(folder / "map.mrc", (random.random(SHAPE[1:]) < 0.05).astype(np.int8))
    (folder / "areas.txt").write_text("1 2 3 4\n5 6 1 1\n")
    return Files({path.name: path.read_bytes() for path in folder.iterdir()})


def run_unpack(folder: Path, movie: str, gain: str | None, defects: str | None) -> None:
    """Run the script on files of a folder."""
    unpack(
        Run(
            workspace=folder,
            inputs={"movie": folder / movie},
            outputs={"stack": folder / "stack.mrc", "frames": folder / "frames.star"},
            reads={
                "pixel_size": 1.0,
                "gain": None if gain is None else str(folder / gain),
                "gain_rotation": None,
                "gain_flip": None,
                "gain_stated": None,
                "gain_applied": None,
                "defects": None if defects is None else str(folder / defects),
                "dose_per_frame": 0.5,
                "pre_exposure": None,
            },
        )
    )


@pytest.mark.parametrize("movie", MOVIES)
@given(data=st.data())
@settings(max_examples=30)
def test_broken_files_fail_their_image_only(
    scratch: Path, files: Files, movie: str, data: st.DataObject
) -> None:
    """Whichever of movie, gain and defects is cut or overwritten: a result, or a reason."""
    names = [movie, data.draw(st.sampled_from(GAINS)), data.draw(st.sampled_from(DEFECTS))]
    for name in names:
        (scratch / name).write_bytes(files[name])
    broken = data.draw(st.sampled_from(names))
    content = bytearray(files[broken])
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + 2] = data.draw(st.binary(min_size=2, max_size=2))
    (scratch / broken).write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        run_unpack(scratch, *names)
    except ScriptFailed as error:
        if not any(name in str(error) for name in [*names, "stack.mrc"]):
            raise AssertionError(f"names no file: {error}") from error


def test_a_reference_without_good_pixels_is_refused(tmp_path: Path, files: Files) -> None:
    """A gain or a defect map that leaves less than half of the camera is another one's."""
    (tmp_path / "a.tif").write_bytes(files["a.tif"])
    gain = np.zeros(SHAPE[1:], np.float32)
    gain[:10] = 1
    write_mrc(tmp_path / "gain.mrc", gain)
    with pytest.raises(BadInput, match=r"gain\.mrc: makes 75% of the pixels bad"):
        run_unpack(tmp_path, "a.tif", "gain.mrc", None)
    write_mrc(tmp_path / "map.mrc", np.ones(SHAPE[1:], np.int8))
    with pytest.raises(BadInput, match=r"map\.mrc: makes 100%"):
        run_unpack(tmp_path, "a.tif", None, "map.mrc")
