"""Small pictures of images for people to look at.

**How they are shown:** the first stored row, row 0, is at the *bottom* and columns run to the
right, as the MRC convention has it and IMOD and ChimeraX show it: a defocus angle of 30° points up
to the right. Everything that this package draws keeps to that (`place_in_thumbnail`).
"""

from typing import TypeAlias

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cryobatch.imaging import fft
from cryobatch.imaging.arrays import FloatArray, ImageArray

LONGEST_SIDE = 1024
CLIPPED_PERCENT = 0.5
JPEG_QUALITY = 85
CIRCLE_COLOUR = (90, 220, 90)
CIRCLE_WIDTH = 1.5

Picture: TypeAlias = NDArray[np.uint8]
"""``(rows, columns)`` grey or ``(rows, columns, 3)`` red, green, blue; its first row is on top."""


def thumbnail(image: ImageArray, longest_side: int = LONGEST_SIDE, threads: int = 1) -> Picture:
    """Return a small grey picture, Fourier-cropped, from the 0.5 to the 99.5 percentile.

    Args:
        image: ``(rows, columns)``, row 0 at the bottom.
        longest_side: Of the picture, in pixels; a smaller image keeps its size.
        threads: For the transforms.
    """
    small = fourier_crop(image, thumbnail_shape(image.shape, longest_side), threads)
    low, high = np.percentile(small, [CLIPPED_PERCENT, 100.0 - CLIPPED_PERCENT])
    if high <= low:
        return np.full(small.shape, 128, np.uint8)
    return grey_picture((small - low) / (high - low))


def thumbnail_shape(shape: tuple[int, ...], longest_side: int = LONGEST_SIDE) -> tuple[int, int]:
    """Return ``(rows, columns)`` of the thumbnail of an image of this shape."""
    scale = min(1.0, longest_side / max(shape))
    rows, columns = (max(1, round(length * scale)) for length in shape)
    return rows, columns


def grey_picture(levels: ImageArray) -> Picture:
    """Return levels from 0 (black) to 1 (white), row 0 at the bottom, as a picture."""
    grey = np.clip(levels * 255.0 + 0.5, 0.0, 255.0).astype(np.uint8)
    return np.ascontiguousarray(grey[::-1])


def fourier_crop(image: ImageArray, shape: tuple[int, int], threads: int = 1) -> ImageArray:
    """Return an image with fewer pixels and the same mean: the high frequencies are cut off."""
    if image.shape == shape:
        return image.astype(np.float32)
    rows, columns = shape
    lines = fft.rfft(image.astype(np.float32, copy=False), axis=1, workers=threads)
    # What is cut off along one axis need not be transformed along the other.
    kept = np.ascontiguousarray(lines[:, : columns // 2 + 1])
    spectrum = fft.fft(kept, axis=0, workers=threads, overwrite_x=True)
    half = rows // 2
    cut = np.concatenate([spectrum[: rows - half], spectrum[spectrum.shape[0] - half :]])
    cut *= np.float32(rows * columns / image.size)
    small: ImageArray = fft.irfft2(cut, s=shape, workers=threads)
    return small


def place_in_thumbnail(
    coordinates: FloatArray, image_shape: tuple[int, ...], picture_shape: tuple[int, ...]
) -> FloatArray:
    """Return where coordinates of an image are in its picture.

    Args:
        coordinates: ``(points, 2)`` x and y in pixels of the image, from the centre of (0, 0).
        image_shape: ``(rows, columns)``.
        picture_shape: ``(rows, columns, ...)``.

    Returns:
        ``(points, 2)`` column and row of the picture, the row counted from the top.
    """
    scale_y = picture_shape[0] / image_shape[0]
    scale_x = picture_shape[1] / image_shape[1]
    # Fourier cropping keeps the centre of pixel (0, 0) where it is.
    column = coordinates[:, 0] * scale_x
    row = picture_shape[0] - 1.0 - coordinates[:, 1] * scale_y
    return np.column_stack([column, row])


def with_circles(
    picture: Picture,
    centres: FloatArray,
    radius: float,
    colour: tuple[int, int, int] = CIRCLE_COLOUR,
) -> Picture:
    """Return a grey picture in colour with circles on it.

    Args:
        picture: ``(rows, columns)``.
        centres: ``(points, 2)`` column and row of the picture, as `place_in_thumbnail` gives them.
        radius: In pixels of the picture.
        colour: Red, green, blue.
    """
    coloured = np.repeat(picture[:, :, None], 3, axis=2)
    cover = np.zeros(picture.shape, np.float32)
    for column, row in centres:
        _draw_circle(cover, float(column), float(row), radius)
    mixed = coloured * (1.0 - cover[:, :, None]) + np.array(colour) * cover[:, :, None]
    return (mixed + 0.5).astype(np.uint8)


def _draw_circle(cover: ImageArray, column: float, row: float, radius: float) -> None:
    reach = radius + CIRCLE_WIDTH + 1.0
    top, bottom = max(0, int(row - reach)), max(0, int(row + reach) + 2)
    left, right = max(0, int(column - reach)), max(0, int(column + reach) + 2)
    part = cover[top:bottom, left:right]
    y = np.arange(top, top + part.shape[0], dtype=np.float32)[:, None] - row
    x = np.arange(left, left + part.shape[1], dtype=np.float32)[None, :] - column
    distance = np.abs(np.hypot(x, y) - radius)
    np.maximum(part, np.clip(CIRCLE_WIDTH / 2.0 + 0.5 - distance, 0.0, 1.0), out=part)


def encode_jpeg(picture: Picture, quality: int = JPEG_QUALITY) -> bytes:
    """Return the JPEG file of a grey or coloured picture."""
    return bytes(imagecodecs.jpeg8_encode(picture, level=quality))
