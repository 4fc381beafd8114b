"""Decoding electrons: the same as another decoder, and nothing but an error from broken runs."""

from contextlib import suppress

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cryobatch.formats.eer_bits import EventBits
from cryobatch.formats.eer_events import SLACK, add_events
from tests.recording_files import encode_events, make_events

GUARD = 64
"""Bytes around counts that no decoder may touch."""


def add(
    frames: list[bytes], bits: EventBits, shape: tuple[int, int], finer: int
) -> NDArray[np.uint8]:
    """Decode hardware frames between guards, and see that these stay as they are."""
    data = np.frombuffer(b"".join(frames) + bytes(SLACK), np.uint8)
    ends = np.cumsum([0, *map(len, frames)])
    size = shape[0] * shape[1] * finer * finer
    around = np.full(size + 2 * GUARD, 0xA5, np.uint8)
    around[GUARD:-GUARD] = 0
    counts = around[GUARD:-GUARD].reshape(shape[0] * finer, shape[1] * finer)
    try:
        add_events(data, ends, bits, shape, counts)
    finally:
        assert (around[:GUARD] == 0xA5).all()
        assert (around[-GUARD:] == 0xA5).all()
    return counts


@given(
    st.integers(0, 99), st.sampled_from([(4, 8), (64, 300), (700, 200)]),
    st.sampled_from([0.0, 0.003, 0.05, 0.5, 1.0]), st.sampled_from([7, 8]),
    st.sampled_from([1, 2, 4]), st.integers(1, 3),
)  # fmt: skip
def test_electrons_fall_where_another_decoder_has_them(
    seed: int, shape: tuple[int, int], part: float, skip: int, finer: int, frames: int
) -> None:
    """Few and many, in the camera's pixels, their halves and quarters, in rows of any length."""
    events = make_events(frames, shape, int(part * shape[0] * shape[1]), seed)
    encoded = [encode_events(frame, shape, skip) for frame in events]
    wanted = np.zeros((shape[0] * finer, shape[1] * finer), np.uint8)
    for frame in encoded:
        imagecodecs.eer_decode(frame, wanted.shape, skip, 2, 2, superres=finer // 2, out=wanted)
    found = add(encoded, EventBits(skip, 2, 2), shape, finer)
    np.testing.assert_array_equal(found, wanted)


@given(st.data())
def test_broken_runs_stay_within_their_arrays(data: st.DataObject) -> None:
    """Whatever bits are flipped or cut off: counts or an error, and nothing beside them."""
    frames = [bytearray(encode_events(each, (20, 30))) for each in make_events(2, (20, 30), 40)]
    for _ in range(data.draw(st.integers(0, 3))):
        frame = data.draw(st.sampled_from(frames))
        frame[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(frames[1])))
    with suppress(ValueError):
        add([bytes(frames[0]), bytes(frames[1][:cut])], EventBits(7, 2, 2), (20, 30), 2)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3), st.integers(1, 16))
def test_any_bytes_stay_within_their_arrays(frames: list[bytes], skip: int) -> None:
    """Also where they never were runs."""
    with suppress(ValueError):
        add(frames, EventBits(skip, 2, 2), (20, 30), 4)


@pytest.mark.parametrize("wrong", [(6, 8), (3, 8)])
def test_runs_must_come_to_the_number_of_pixels(wrong: tuple[int, int]) -> None:
    """Fewer or more are a broken frame, as RELION has it; which one is told."""
    right = encode_events([(1, 2, 0)], (4, 8))
    with pytest.raises(ValueError, match="frame 2"):
        add([right, encode_events([(1, 2, 0)], wrong)[:4]], EventBits(7, 2, 2), (4, 8), 1)


@pytest.mark.parametrize("bits", [EventBits(0, 2, 2), EventBits(17, 2, 2), EventBits(7, 9, 0)])
def test_bits_that_make_no_sense_are_refused(bits: EventBits) -> None:
    """A distance of no bits would never come to an end."""
    with pytest.raises(ValueError, match="cannot be read"):
        add([bytes(100)], bits, (4, 8), 1)
