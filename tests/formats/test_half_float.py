"""16-bit floats: the quick conversion is numpy's, bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cryobatch.formats.half_float import narrow, widen


def test_every_16_bit_float_is_widened_as_numpy_does() -> None:
    """All 65,536 of them, subnormals, infinities and NaN included."""
    half = np.arange(65_536, dtype=np.uint16).reshape(256, 256).view(np.float16)
    wide = np.empty(half.shape, np.float32)
    widen(half, wide)
    np.testing.assert_array_equal(wide, half.astype(np.float32))


@given(arrays(np.float32, 20, elements=st.floats(-65504, 65504, width=32)))
def test_numbers_are_rounded_as_numpy_does(values: np.typing.NDArray[np.float32]) -> None:
    """Ties go to the even one, small numbers to subnormals, the sign of zero stays."""
    found = narrow(values).view(np.uint16)
    assert found.tolist() == values.astype(np.float16).view(np.uint16).tolist()


def test_the_edges_of_rounding_are_numpys() -> None:
    """Halfway between neighbours, at the smallest normal number and at the largest."""
    half = np.arange(0x7BFF, dtype=np.uint16).view(np.float16).astype(np.float32)
    halfway = (half[:-1] + half[1:]) / 2
    for values in (halfway, np.nextafter(halfway, 0), np.nextafter(halfway, np.float32(1e9))):
        near = values.astype(np.float32)
        np.testing.assert_array_equal(narrow(near), near.astype(np.float16))
        np.testing.assert_array_equal(narrow(-near), (-near).astype(np.float16))


def test_numbers_too_large_are_an_error_and_no_numbers_stay() -> None:
    """65520 would become infinite; what is infinite or NaN already is kept."""
    with pytest.raises(OverflowError, match="65504"):
        narrow(np.array([1, 65_520], np.float32))
    kept = narrow(np.array([65_519, np.inf, -np.inf, np.nan], np.float32))
    assert kept[0] == 65_504
    assert np.isinf(kept[1:3]).all()
    assert np.isnan(kept[3])
