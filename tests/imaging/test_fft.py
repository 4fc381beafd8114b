"""The faster library under scipy.fft: used where it is there, and right."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.fft

from cryobatch.imaging import fft

pytest.importorskip("ducc0", reason="ducc0 is not installed: pip install 'cryobatch[fast]'")

Transform = Callable[[], Any]
LOOK = """
import sys
import numpy as np
from cryobatch.imaging import fft
image = np.ones((4, 6), np.float32)
assert fft.irfft2(fft.rfft2(image)).shape == image.shape
assert fft.fft(image, n=8, axis=0).shape == (8, 6)
assert fft.rfft(np.ones(4, np.int16)).shape == (3,)
print("ducc0" in sys.modules)
"""


def make(shape: tuple[int, ...], kind: str) -> Any:
    """Return an array of noise of one of the four types."""
    random = np.random.default_rng(5)
    array = random.normal(size=shape)
    return (array + 1j * random.normal(size=shape) if kind[0] == "c" else array).astype(kind)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("workers", [None, 2])
def test_transforms_agree_with_scipy(kind: str, overwrite: bool, workers: int | None) -> None:
    """Every transform that is taken over gives SciPy's result and type, to rounding."""
    array = make((12, 10, 18), kind)
    names = ("fft", "ifft") if kind[0] == "c" else ("rfft", "rfft2")
    for name in names:
        transform = getattr(scipy.fft, name)
        for keys in [{"axis": 0}, {"axis": 1}, {}] if name != "rfft2" else [{}]:
            expected = transform(array, **keys)
            with scipy.fft.set_backend(fft._Ducc(), only=True):
                found = transform(array.copy(), **keys, overwrite_x=overwrite, workers=workers)
            assert found.dtype == expected.dtype
            limit = 1e-5 if kind in {"f4", "c8"} else 1e-13
            np.testing.assert_allclose(found, expected, atol=limit * np.abs(expected).max())


def test_input_stays_unless_it_may_be_overwritten() -> None:
    """An array that is transformed is what it was; in place where that is allowed, a part too."""
    array = make((16, 9), "c8")
    before = array.copy()
    with scipy.fft.set_backend(fft._Ducc(), only=True):
        fft.fft(array, axis=0)
        np.testing.assert_array_equal(array, before)
        part = array[:, :5]
        found = fft.fft(part, axis=0, overwrite_x=True)
    assert np.shares_memory(found, array)
    np.testing.assert_allclose(found, scipy.fft.fft(before[:, :5], axis=0), atol=1e-5)
    np.testing.assert_array_equal(array[:, 5:], before[:, 5:])


@pytest.mark.parametrize(("choice", "loaded"), [("ducc0", True), ("scipy", False), ("", False)])
def test_a_process_uses_what_is_chosen(choice: str, loaded: bool) -> None:
    """ducc0 where it is installed and not declined; what it does not do is SciPy's either way."""
    environment = os.environ | {"CRYOBATCH_FFT": choice}
    found = subprocess.run(
        [sys.executable, "-c", LOOK], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == str(loaded)
