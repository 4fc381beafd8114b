"""Convert whole frames between 16-bit and 32-bit floats.

numpy needs 70 to 110 ms a frame of 4096 x 4096 pixels for either way, as much as decoding the
movie; these loops 3 ms, with the same result bit for bit (IEEE 754 binary16, ties to even).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

LARGEST = 65504.0

_FIRST_THAT_OVERFLOWS = 0x477FF000
"""65520 as a 32-bit float's bits: from here on rounding gives infinity."""


def widen(half: NDArray[np.float16], wide: NDArray[np.float32]) -> None:
    """Write 16-bit floats into 32-bit floats of the same shape, C order."""
    bits = np.ascontiguousarray(half).view(np.uint16)
    _widen(bits.reshape(-1), wide.reshape(-1))


def narrow(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """Return 32-bit floats as 16-bit floats.

    Raises:
        OverflowError: A number is beyond what 16 bits hold; NaN and infinities are no numbers.
    """
    bits = np.ascontiguousarray(values).view(np.uint32)
    half = np.empty(values.shape, np.uint16)
    if _narrow(bits.reshape(-1), half.reshape(-1)) >= _FIRST_THAT_OVERFLOWS:
        return _narrow_slowly(values)
    return half.view(np.float16)


def _narrow_slowly(values: NDArray[np.float32]) -> NDArray[np.float16]:
    try:
        with np.errstate(over="raise"):
            return values.astype(np.float16)
    except FloatingPointError:
        raise OverflowError(f"numbers beyond {LARGEST:g} do not fit 16-bit floats") from None


# numba widens the result of an operation on 32-bit integers to 64 bits: each is cut back, or the
# loops are not vectorised.


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _widen(half, wide):  # type: ignore[no-untyped-def]  # numba infers the types
    for place in range(half.size):
        bits = np.uint32(half[place])
        moved = np.uint32((bits & np.uint32(0x7FFF)) << np.uint32(13))
        # The exponents' offsets differ by 112; multiplying also gives subnormals theirs.
        value = np.float32(moved.view(np.float32) * np.float32(2.0**112))
        found = np.uint32(np.float32(value).view(np.uint32))
        if moved >= np.uint32(0x0F800000):
            found = np.uint32(found | np.uint32(0x7F800000))
        found = np.uint32(found | np.uint32((bits & np.uint32(0x8000)) << np.uint32(16)))
        wide[place] = found.view(np.float32)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _narrow(bits, half):  # type: ignore[no-untyped-def]  # numba infers the types
    """Return the bits of the largest magnitude; from 65520 on the result is not to be used."""
    largest = np.uint32(0)
    for place in range(bits.size):
        size = np.uint32(bits[place] & np.uint32(0x7FFFFFFF))
        odd = np.uint32((size >> np.uint32(13)) & np.uint32(1))
        # Moves the exponent's offset by -112 and rounds, ties to even.
        normal = np.uint32(np.uint32(size + np.uint32(0xC8000FFF) + odd) >> np.uint32(13))
        scaled = np.float32(size.view(np.float32) * np.float32(2.0**24))
        subnormal = np.uint32(np.int32(np.rint(scaled)))
        found = subnormal if size < np.uint32(0x38800000) else normal
        sign = np.uint32((bits[place] >> np.uint32(16)) & np.uint32(0x8000))
        half[place] = np.uint16(found | sign)
        largest = max(largest, size)
    return largest
