"""Thumbnails show the right thing the right way up."""

import imagecodecs
import numpy as np
import pytest
import scipy.ndimage

from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.ctf_formula import Optics, astigmatic_defocus
from cryobatch.imaging.spectrum_picture import spectrum_picture
from cryobatch.imaging.thumbnail import (
    CIRCLE_COLOUR,
    encode_jpeg,
    fourier_crop,
    place_in_thumbnail,
    thumbnail,
    thumbnail_shape,
    with_circles,
)


def spot(row: int, column: int, shape: tuple[int, int] = (600, 900)) -> ImageArray:
    """Return noise with a bright spot."""
    image = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image += 20.0 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 200.0).astype(np.float32)
    return image


def test_row_0_is_at_the_bottom() -> None:
    """A spot near row 0 and column 0 is at the lower left, where its place is said to be."""
    image = spot(60, 90)
    picture = thumbnail(image, 300)
    assert picture.shape == (200, 300)
    placed = place_in_thumbnail(np.array([[90.0, 60.0]]), image.shape, picture.shape)[0]
    smooth = scipy.ndimage.gaussian_filter(picture.astype(np.float32), 4.0)
    row, column = np.unravel_index(int(smooth.argmax()), picture.shape)
    assert row > 150
    assert column < 60
    assert (float(column), float(row)) == pytest.approx(tuple(placed), abs=4.0)


def test_cropping_keeps_mean_and_content() -> None:
    """A smooth image keeps its values, one that is small enough stays as it is."""
    y, x = np.mgrid[:120, :90]
    image = (5.0 + np.cos(2 * np.pi * (y / 120 + 2 * x / 90))).astype(np.float32)
    small = fourier_crop(image, (40, 30))
    assert small == pytest.approx(image[::3, ::3], abs=1e-4)
    assert thumbnail_shape((100, 50)) == (100, 50)


def test_an_image_of_one_value_is_grey() -> None:
    """Nothing to see is grey, not a division by nothing."""
    assert (thumbnail(np.full((80, 80), 3.0, np.float32)) == 128).all()


def test_extremes_do_not_hide_the_rest() -> None:
    """A few hot pixels are clipped; the noise keeps its contrast."""
    image = spot(0, 0)
    image[300, 300:304] = 1e6
    assert float(thumbnail(image, 900).std()) > 30.0


def test_circles_lie_where_the_picks_are() -> None:
    """A circle's line is drawn at its radius in its colour; its middle and the rest stay grey."""
    grey = np.full((100, 120), 50, np.uint8)
    drawn = with_circles(grey, np.array([[60.0, 40.0], [-50.0, 500.0]]), 15.0)
    assert drawn.shape == (100, 120, 3)
    assert tuple(drawn[40, 75]) == CIRCLE_COLOUR
    assert tuple(drawn[40, 60]) == (50, 50, 50)
    assert tuple(drawn[90, 10]) == (50, 50, 50)


def test_pictures_are_jpeg_files() -> None:
    """Grey and coloured pictures can be read back, and noise takes less than 600 kB."""
    picture = thumbnail(np.random.default_rng(0).standard_normal((1024, 1024)).astype(np.float32))
    data = encode_jpeg(picture)
    assert data.startswith(b"\xff\xd8")
    assert len(data) < 700_000
    assert imagecodecs.jpeg8_decode(data).shape == (1024, 1024)
    coloured = with_circles(picture, np.array([[100.0, 100.0]]), 20.0)
    assert imagecodecs.jpeg8_decode(encode_jpeg(coloured)).shape == (1024, 1024, 3)


def test_a_spectrum_is_half_measured_half_fitted() -> None:
    """The right half is |CTF| up to the resolution, the left is not; without a fit none is."""
    spectrum = (1.0 + np.random.default_rng(3).random((256, 256))).astype(np.float32)
    optics, defocus = Optics(300.0, 2.7, 0.07), astigmatic_defocus(12_000.0, 12_000.0, 0.0)
    picture = spectrum_picture(
        spectrum,
        pixel_size_angstrom=2.0,
        optics=optics,
        defocus=defocus,
        resolution_angstrom=6.0,
    )
    plain = spectrum_picture(spectrum, pixel_size_angstrom=2.0)
    assert picture[128, 128] == pytest.approx(0.07, abs=0.01)
    assert np.array_equal(picture[:, :128], plain[:, :128])
    assert not np.array_equal(picture[:, 128:], plain[:, 128:])
    assert np.array_equal(picture[:20, 200:], plain[:20, 200:])
    assert picture.min() >= 0.0
    assert picture.max() <= 1.0
