"""Doubt what a recording says where it cannot be true: frame size against camera, pixel size."""

from collections.abc import Mapping
from dataclasses import dataclass

from cryobatch.model.image import Fact
from cryobatch.model.settings import Camera

KNOWN_CAMERAS: Mapping[str, Camera] = {
    "K2": Camera(rows=3710, columns=3838),
    "K3": Camera(rows=4092, columns=5760),
    "Falcon": Camera(rows=4096, columns=4096),
}
"""Sizes in the cameras' own pixels, by a word of the name; a site's own precede them."""
BINNINGS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Super-resolution by 4 and 2, the camera's pixels, binned by 2 and 4."""
MOST_DIFFERENCE = 0.05
"""Of two pixel sizes: a calibration is known better, and an option means the calibrated one."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The size of a recording's frames.

    Args:
        rows: Height in pixels.
        columns: Width in pixels.
    """

    rows: int
    columns: int

    def is_of(self, camera: Camera) -> bool:
        """Tell whether a camera gives such frames, turned or not, at one of its binnings."""
        size = sorted((self.rows, self.columns))
        own = sorted((camera.rows, camera.columns))
        return any([round(side / binning) for side in own] == size for binning in BINNINGS)


def find_camera(name: str, cameras: Mapping[str, Camera]) -> Camera | None:
    """Return the camera that a recording names, a site's own first; None for an unknown one."""
    for known in (cameras, KNOWN_CAMERAS):
        for title, camera in known.items():
            if any(word.lower() in name.lower() for word in camera.names or (title,)):
                return camera
    return None


def doubt_frame_size(
    geometry: Geometry, facts: Mapping[str, Fact], cameras: Mapping[str, Camera]
) -> str | None:
    """Return why frames may not be what the recording says, None where nothing speaks against it.

    Args:
        geometry: Of the frames.
        facts: What is known; the camera is looked at.
        cameras: The site's own, by name.
    """
    named = facts.get("camera")
    camera = None if named is None else find_camera(str(named.value), cameras)
    if named is None or camera is None or geometry.is_of(camera):
        return None
    return (
        f"frames of {geometry.columns} x {geometry.rows} pixels are not of the camera "
        f"{named.value} ({camera.columns} x {camera.rows}): suspect the camera's name, a cut-out, "
        "or the pixel size, which follows from the width"
    )


def doubt_pixel_size(facts: Mapping[str, Fact], calibrated: float | None) -> str | None:
    """Return why the pixel size may be wrong, None where nothing speaks against it.

    Args:
        facts: What is known; the pixel size that is taken.
        calibrated: What the site has measured for this microscope and magnification, Å.
    """
    taken = facts.get("pixel_size")
    if taken is None or calibrated is None:
        return None
    ratio = float(taken.value) / calibrated
    if abs(ratio - 1.0) <= MOST_DIFFERENCE:
        return None
    return (
        f"pixel size {float(taken.value):.4g} Å ({taken.source}) is {ratio:.2g} times the site's "
        f"calibration of {calibrated:.4g} Å: suspect {_suspects(ratio)}"
    )


def _suspects(ratio: float) -> str:
    if any(abs(ratio / factor - 1.0) < 0.1 for factor in (0.25, 0.5, 2.0, 4.0)):
        return "super-resolution or binning, or the stated pixel size"
    return "the magnification, or the stated pixel size"
