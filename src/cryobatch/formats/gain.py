"""Read what is known about a camera's pixels: gain references and defects."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats import dm4
from cryobatch.formats.movie import open_movie, recording_kind
from cryobatch.formats.mrc import Frame
from cryobatch.formats.reading import reading

EER_GAIN_ENDING = ".gain"


def read_gain(path: Path) -> NDArray[np.float32]:
    """Read a gain reference, ``(rows, columns) float32``, as the file has it.

    Rows are as those of movies: a TIFF and Gatan's DM4 are flipped, an MRC is not; nor is a
    ``.gain``, which is a TIFF that comes with EER movies, and EER movies are not flipped.

    Raises:
        BadInput: It cannot be read, is no image, or has no pixel that can be used.
    """
    if path.suffix.lower() == EER_GAIN_ENDING:
        gain = _read_eer_gain(path)
    elif path.suffix.lower() in dm4.ENDINGS:
        gain = dm4.read_dm4(path)
    else:
        gain = _read_single(path, "gain reference")
    if not np.any(np.isfinite(gain) & (gain > 0)):
        raise BadInput(f"{path}: no pixel of this gain reference is above 0; give another one")
    return gain.astype(np.float32, copy=False)


def is_divisive(gain: Path, movie: Path) -> bool:
    """Tell whether a gain reference is divided by: any but a ``.gain``, for an EER movie.

    RELION takes them so (``EERRenderer``), and what users have was made for it.
    """
    return recording_kind(movie.name) == "eer" and gain.suffix.lower() != EER_GAIN_ENDING


def read_defects(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a camera's defects, in the orientation of the movie.

    Args:
        path: A map (MRC or TIFF; not 0 is bad), of the frames' size or of the camera's pixels where
            the frames have 2 or 4 times as many; or a text with a line ``x y width height`` for
            each bad area, as MotionCor2 reads it.
        shape: Rows and columns of the frames.

    Returns:
        Which pixels are bad, ``(rows, columns)``.

    Raises:
        BadInput: It cannot be read, or does not fit the frames.
    """
    if path.suffix.lower() == ".txt":
        return _read_areas(path, shape)
    defects = _read_single(path, "defect map") != 0
    factor = shape[0] // defects.shape[0]
    if factor not in (1, 2, 4) or tuple(size * factor for size in defects.shape) != shape:
        raise BadInput(
            f"{path}: a defect map of {_describe(defects.shape)} pixels does not fit frames of "
            f"{_describe(shape)}; give the one of this camera"
        )
    return np.repeat(np.repeat(defects, factor, axis=0), factor, axis=1)


def _read_single(path: Path, what: str) -> Frame:
    with open_movie(path) as file:
        if file.shape[0] != 1:
            raise BadInput(f"{path}: has {file.shape[0]} frames, a {what} has one")
        return file.raw_frame(0)


def _read_eer_gain(path: Path) -> Frame:
    from cryobatch.formats.tiff import TiffMovie

    with TiffMovie(path) as file:
        return np.ascontiguousarray(file.raw_frame(0)[::-1])


def _read_areas(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    defects = np.zeros(shape, np.bool_)
    with reading(path):
        lines = path.read_bytes().decode("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        try:
            x, y, width, height = (int(word) for word in words)
        except ValueError:
            raise BadInput(f"{path}: line {number} should be x y width height: {line!r}") from None
        if min(x, y, width, height) < 0 or x + width > shape[1] or y + height > shape[0]:
            raise BadInput(f"{path}: line {number} lies outside of {_describe(shape)} pixels")
        defects[y : y + height, x : x + width] = True
    return defects


def _describe(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
