"""Pictures of images for pages: from small ones that are there, or drawn from the pixels; kept."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import imagecodecs
import numpy as np

from cryobatch.errors import BadInput
from cryobatch.formats.mrc import read_image
from cryobatch.imaging.ctf_formula import Optics, astigmatic_defocus
from cryobatch.imaging.spectrum_picture import spectrum_picture
from cryobatch.imaging.thumbnail import Picture, encode_jpeg, fourier_crop, grey_picture, thumbnail
from cryobatch.model.image import ImageRecord
from cryobatch.scripts.micrograph_file import read_micrograph

SIZES = (96, 256, 1024, 2048, 4096)
"""Longest sides that are drawn; what is asked for is rounded up to one of them."""
KEPT_BYTES = 64_000_000
DRAWN_AT_ONCE = 2
"""Each holds a whole micrograph and its transform, some hundred megabytes."""

Key = tuple[str, int, int, int]


@dataclass(slots=True)
class Pictures:
    """Draws pictures, each once: a file that has not changed has the same picture."""

    _kept: OrderedDict[Key, bytes] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(DRAWN_AT_ONCE))

    def get(self, path: Path, size: int, draw: Callable[[], bytes]) -> bytes:
        """Return a picture of a file.

        Args:
            path: The file that it is drawn from.
            size: Longest side.
            draw: Draws it.
        """
        key = (str(path), *identify(path), size)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with self._turn:
            drawn = draw()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = drawn
                self._bytes += len(drawn)
            while self._bytes > KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return drawn


def identify(path: Path) -> tuple[int, int]:
    """Return what changes with a file's content: time of change in ns, and length in bytes."""
    try:
        status = path.stat()
    except OSError as error:
        raise BadInput(f"{path.name}: cannot be read: {error.strerror}") from error
    return status.st_mtime_ns, status.st_size


def round_up(size: int) -> int:
    """Return the size that is drawn for a size that is asked for.

    >>> round_up(30), round_up(256), round_up(100_000)
    (96, 256, 4096)
    """
    return next((one for one in SIZES if one >= size), SIZES[-1])


def draw_micrograph(path: Path, size: int) -> bytes:
    """Return the JPEG of a micrograph, Fourier-cropped to a longest side."""
    return encode_jpeg(thumbnail(read_micrograph(path), size))


def draw_spectrum(path: Path, record: ImageRecord, size: int) -> bytes:
    """Return the JPEG of a spectrum, half measured and half fitted where there is a fit."""
    spectrum, own_pixel_size = read_image(path)
    pixel_size = own_pixel_size or record.number("micrograph_pixel_size") or _fact(
        record, "pixel_size"
    ) or 1.0  # fmt: skip
    names = ("defocus_u", "defocus_v", "defocus_angle")
    fit = [record.number(name) for name in names]
    microscope = [_fact(record, name) for name in ("voltage", "cs", "amplitude_contrast")]
    known = [one for one in (*fit, *microscope) if one is not None]
    if len(known) < len(fit) + len(microscope):
        levels = spectrum_picture(spectrum, pixel_size_angstrom=pixel_size)
    else:
        u, v, angle, voltage, cs, contrast = known
        levels = spectrum_picture(
            spectrum,
            pixel_size_angstrom=pixel_size,
            optics=Optics(voltage, cs, contrast),
            defocus=astigmatic_defocus(u, v, angle, record.number("phase_shift") or 0.0),
            resolution_angstrom=record.number("ctf_resolution") or 0.0,
        )
    return encode_jpeg(shrink(grey_picture(levels), size))


def draw_smaller(path: Path, size: int, *, stretch: bool = False) -> bytes:
    """Return the JPEG of a picture that is there, made small enough.

    Args:
        path: The picture.
        size: Longest side.
        stretch: Bring what is left of the contrast to the whole range: the mean of many noisy
            pixels is grey.
    """
    content = path.read_bytes()
    try:
        picture = np.asarray(imagecodecs.imread(content))
    except (ValueError, RuntimeError) as error:
        raise BadInput(f"{path.name}: is no picture ({error}); make it again") from error
    if max(picture.shape[:2]) <= size and path.suffix == ".jpg":
        return content
    small = shrink(picture, size)
    return encode_jpeg(thumbnail(small[::-1].astype(np.float32), size) if stretch else small)


def shrink(picture: Picture, size: int) -> Picture:
    """Return a grey picture no longer than a size; its grey levels stay."""
    grey = picture if picture.ndim == 2 else picture[..., :3].mean(axis=-1).astype(np.uint8)
    longest = max(grey.shape)
    if longest <= size:
        return np.ascontiguousarray(grey, np.uint8)
    rows, columns = (max(1, round(length * size / longest)) for length in grey.shape)
    small = fourier_crop(grey.astype(np.float32), (rows, columns))
    levels: Picture = np.clip(small + 0.5, 0.0, 255.0).astype(np.uint8)
    return levels


def _fact(record: ImageRecord, name: str) -> float | None:
    value = record.fact(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value is not None else None
