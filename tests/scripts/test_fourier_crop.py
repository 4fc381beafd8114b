"""The script fourier_crop: fewer pixels, the same electrons, no work where none is asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.errors import ScriptFailed
from cryobatch.formats.mrc import StackWriter, open_stack
from cryobatch.model import Run
from cryobatch.scripts.fourier_crop import fourier_crop


def crop(folder: Path, facts: Mapping[str, Any], **parameters: Any) -> Path:
    """Run the script on a stack of 3 frames of 48 x 64 pixels of 0.5 Å (Any: of many types)."""
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    source, target = folder / "in" / "stack.mrc", folder / "out" / "stack.mrc"
    with StackWriter(source, (3, 48, 64), "float16", 0.5) as writer:
        for index in range(3):
            writer.write(index, made_frame(index))
    reads = {"pixel_size": 0.5, "super_resolution": None, **facts}
    run = Run(folder, {"stack": source}, {"stack": target}, reads)
    assert fourier_crop(run, **parameters) == {}
    return target


def made_frame(index: int) -> NDArray[np.float32]:
    """Return a frame."""
    return np.random.default_rng(index).poisson(2.0, (48, 64)).astype(np.float32)


def test_super_resolution_is_halved(tmp_path: Path) -> None:
    """Without a factor, a super-resolution stack gets pixels twice as large that hold as much."""
    with open_stack(crop(tmp_path, {"super_resolution": True})) as stack:
        assert stack.shape == (3, 24, 32)
        assert stack.pixel_size_angstrom == pytest.approx(1.0)
        for index in range(3):
            electrons = made_frame(index).sum()
            assert stack.frame(index).sum() == pytest.approx(electrons, rel=1e-3)


def test_others_are_handed_on_without_a_copy(tmp_path: Path) -> None:
    """Without a factor, any other stack is the same file under the next name."""
    target = crop(tmp_path, {})
    assert target.samefile(tmp_path / "in" / "stack.mrc")


def test_a_pixel_size_can_be_asked_for(tmp_path: Path) -> None:
    """The stack's pixel is then as near to that as even sizes allow."""
    with open_stack(crop(tmp_path, {}, pixel_size=0.8)) as stack:
        assert stack.shape == (3, 30, 40)
        assert stack.pixel_size_angstrom == pytest.approx(0.8)


def test_larger_pixels_stay(tmp_path: Path) -> None:
    """A pixel size below the stack's own changes nothing; pixels are never made up."""
    with open_stack(crop(tmp_path, {}, pixel_size=0.3)) as stack:
        assert stack.shape == (3, 48, 64)


def test_factor_and_pixel_size_exclude_each_other(tmp_path: Path) -> None:
    """Both at once is an error that says so."""
    with pytest.raises(ScriptFailed, match="both set"):
        crop(tmp_path, {}, factor=2.0, pixel_size=1.0)
