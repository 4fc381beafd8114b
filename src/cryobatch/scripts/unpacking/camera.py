"""Load what is known about the camera that recorded a movie."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryobatch.errors import BadInput
from cryobatch.formats.gain import is_divisive, read_defects, read_gain
from cryobatch.formats.movie import recording_kind
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import (
    MaskArray,
    find_dead_pixels,
    invert_reference,
    orient_reference,
    replicate_reference,
)

MOST_BAD = 0.5
"""No camera is used with more bad pixels: then the file is wrong."""


@dataclass(frozen=True, slots=True)
class Camera:
    """What is known about a camera's pixels, in the orientation of the movie.

    Args:
        gain: ``(rows, columns) float32``, multiplicative; None: the movie is taken as corrected.
        bad: ``(rows, columns)``: dead in the gain, or marked as a defect.
    """

    gain: ImageArray | None
    bad: MaskArray


def load_camera(
    movie: Path,
    shape: tuple[int, int],
    *,
    gain: Path | None,
    rotation: int,
    flip: int,
    defects: Path | None,
) -> Camera:
    """Read gain reference and defects of a movie.

    Args:
        movie: The recording.
        shape: Rows and columns of its frames.
        gain: Gain reference, None when there is none.
        rotation: Turns of 90° of the gain.
        flip: 0 none, 1 upside down, 2 left to right; after the rotation.
        defects: Defect map, None when there is none.

    Raises:
        BadInput: One of them cannot be read or does not fit.
    """
    bad = np.zeros(shape, np.bool_)
    if defects is not None:
        bad = read_defects(defects, shape)
        _check_bad(bad, defects)
    if gain is None:
        return Camera(None, bad)
    reference = orient_reference(read_gain(gain), rotation, flip)
    if is_divisive(gain, movie):
        reference = invert_reference(reference)
    reference = _fit(reference, shape, gain, movie)
    dead = find_dead_pixels(reference)
    _check_bad(dead, gain)
    return Camera(reference, bad | dead)


def _check_bad(bad: MaskArray, path: Path) -> None:
    part = np.count_nonzero(bad) / bad.size
    if part > MOST_BAD:
        raise BadInput(
            f"{path}: makes {part:.0%} of the pixels bad, which no camera has; give the file "
            "that belongs to this camera"
        )


def _fit(reference: ImageArray, shape: tuple[int, int], gain: Path, movie: Path) -> ImageArray:
    fits = reference.shape == shape
    # Only an EER has finer pixels than its gain; elsewhere another size is another camera.
    if not fits and recording_kind(movie.name) == "eer":
        try:
            return replicate_reference(reference, shape).astype(np.float32, copy=False)
        except ValueError:
            fits = False
    if not fits:
        rows, columns = reference.shape
        raise BadInput(
            f"{gain}: this gain reference of {columns} x {rows} pixels (after its rotation) does "
            f"not fit {movie} with frames of {shape[1]} x {shape[0]}; correct it with 'cryobatch "
            "image set gain=...' or gain_rotation=..."
        )
    return reference
