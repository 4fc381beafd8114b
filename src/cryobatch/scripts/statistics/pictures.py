"""Draw the thumbnails of an image."""

import numpy as np

from cryobatch.formats.mrc import read_image
from cryobatch.formats.star import read_star
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.ctf_formula import Optics, astigmatic_defocus
from cryobatch.imaging.spectrum_picture import spectrum_picture
from cryobatch.imaging.thumbnail import (
    Picture,
    encode_jpeg,
    grey_picture,
    place_in_thumbnail,
    thumbnail,
    with_circles,
)
from cryobatch.model import Run

_UNKNOWN_DIAMETER_PART = 0.02


def draw(run: Run, micrograph: ImageArray, longest_side: int) -> None:
    """Write the thumbnails of the micrograph and of what else there is: picks, spectrum."""
    small = thumbnail(micrograph, longest_side, run.threads)
    run.output("micrograph_thumbnail").write_bytes(encode_jpeg(small))
    run.progress(0.6)
    if run.has("particles"):
        drawn = _picks_picture(run, small, micrograph.shape)
        run.output("picks_thumbnail").write_bytes(encode_jpeg(drawn))
    if run.has("power_spectrum"):
        drawn = _spectrum_picture(run)
        run.output("power_spectrum_thumbnail").write_bytes(encode_jpeg(drawn))


def _picks_picture(run: Run, small: Picture, shape: tuple[int, ...]) -> Picture:
    blocks = read_star(run.input("particles"))
    table = next((block for block in blocks.values() if "rlnCoordinateX" in block), None)
    coordinates = np.zeros((0, 2))
    if table is not None:
        columns = table.floats("rlnCoordinateX"), table.floats("rlnCoordinateY")
        coordinates = np.column_stack(columns)
    pixel_size = float(run.read("micrograph_pixel_size") or run.read("pixel_size"))
    diameter = run.read("particle_diameter")
    diameter_px = diameter / pixel_size if diameter else _UNKNOWN_DIAMETER_PART * max(shape)
    centres = place_in_thumbnail(coordinates, shape, small.shape)
    return with_circles(small, centres, diameter_px / 2.0 * small.shape[1] / shape[1])


def _spectrum_picture(run: Run) -> Picture:
    spectrum, own_pixel_size = read_image(run.input("power_spectrum"))
    pixel_size = float(
        own_pixel_size or run.read("micrograph_pixel_size") or run.read("pixel_size")
    )
    names = ("defocus_u", "defocus_v", "defocus_angle", "voltage", "cs", "amplitude_contrast")
    known = [run.read(name) for name in names]
    if any(value is None for value in known):
        return grey_picture(spectrum_picture(spectrum, pixel_size_angstrom=pixel_size))
    u, v, angle, voltage, cs, contrast = (float(value) for value in known)
    picture = spectrum_picture(
        spectrum,
        pixel_size_angstrom=pixel_size,
        optics=Optics(voltage, cs, contrast),
        defocus=astigmatic_defocus(u, v, angle, float(run.read("phase_shift") or 0.0)),
        resolution_angstrom=float(run.read("ctf_resolution") or 0.0),
    )
    return grey_picture(picture)
