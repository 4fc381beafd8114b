"""Turn what SerialEM's mdocs say into acquisition facts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryobatch.formats.mdoc import Items, Mdoc, Section
from cryobatch.model.image import FactValue

_ANGSTROM_PER_MICROMETRE = 1e4
_CAMERAS = ((5760, 4092), (3838, 3710), (4096, 4096))
"""Columns and rows of K3, K2 and Falcon in their own pixels; super-resolution doubles them."""
_DATE_AND_TIME = re.compile(r"\s+\d{1,2}-\w{3}-\d{2,4}\s+\d{1,2}:\d{2}:\d{2}\Z")

_NUMBERS = {
    "tilt_angle": ("TiltAngle", 1.0),
    "stage_z": ("StageZ", 1.0),
    "magnification": ("Magnification", 1.0),
    "exposure_time": ("ExposureTime", 1.0),
    "defocus_set": ("TargetDefocus", -_ANGSTROM_PER_MICROMETRE),
    "dose_rate": ("DoseRate", 1.0),
    "rotation_angle": ("RotationAngle", 1.0),
}
"""Facts with their key, and what makes our unit of SerialEM's: it counts underfocus negative."""
_PAIRS = {"stage": "StagePosition", "image_shift": "ImageShift"}
_TEXTS = {
    "navigator_label": "NavigatorLabel",
    "multi_shot": "MultishotHoleAndPosition",
    "gain_stated": "GainReference",
    "defects_stated": "DefectFile",
}


@dataclass(frozen=True, slots=True)
class View:
    """One image of a tilt series.

    Args:
        section: Its section in the series' mdoc.
        number: Its place in the order of recording, from 0.
        frames_before: Frames that were recorded of this series before, None when not all say.
        pre_exposure: Exposure of the specimen before, e/Å², None when unknown.
    """

    section: Section
    number: int
    frames_before: int | None
    pre_exposure: float | None


def section_facts(mdoc: Mdoc, section: Section, rows: int, columns: int) -> dict[str, FactValue]:
    """Return what an mdoc says of one movie.

    Args:
        mdoc: The file, whose shared keys hold for all its sections.
        section: The movie's own.
        rows: Height of the movie.
        columns: Width of the movie; the sizes decide its pixel size.
    """
    items = section.items
    facts: dict[str, FactValue] = {}
    for name, (key, factor) in _NUMBERS.items():
        number = items.number(key)
        if number is not None:
            facts[name] = number * factor
    for name, key in _PAIRS.items():
        pair = items.numbers(key)
        if len(pair) == 2:
            facts[f"{name}_x"], facts[f"{name}_y"] = pair
    facts |= {name: text for name, key in _TEXTS.items() if (text := items.text(key)) is not None}
    voltage = mdoc.shared.number("Voltage") or items.number("Voltage")
    pixel = pixel_size(mdoc, section, rows, columns)
    slit = items.numbers("FilterSlitAndLoss")
    found = {
        "voltage": voltage,
        "pixel_size": pixel,
        "total_dose": items.number("ExposureDose") or None,
        "dose_per_frame": _dose_per_frame(items),
        "energy_slit": slit[0] if slit and slit[0] > 0 else None,
        "spot_size": _whole(items, "SpotSize"),
        "rotation_flip": _whole(items, "RotationAndFlip"),
        "super_resolution": _is_super_resolution(mdoc, section, rows, columns),
    }
    facts |= {name: value for name, value in found.items() if value is not None}
    return facts | _read_title(mdoc, items)


def frames_stated(section: Section) -> int | None:
    """Return how many frames a movie has, as its section says."""
    number = section.items.number("NumSubFrames")
    return int(number) if number is not None and number >= 1 else None


def pixel_size(mdoc: Mdoc, section: Section, rows: int, columns: int) -> float | None:
    """Return a movie's pixel size in Å.

    ``PixelSpacing`` is that of the image that the section describes, which has ``Binning`` pixels
    of the camera in a row (0.5: super-resolution). The movie may have others: those of the camera,
    or halves of them, which its size tells.
    """
    spacing = section.items.number("PixelSpacing") or mdoc.shared.number("PixelSpacing")
    binning = section.items.number("Binning")
    if spacing is None or spacing <= 0:
        return None
    if binning is None or binning <= 0:
        return spacing
    finer = _count_halves(mdoc, section, rows, columns)
    if finer is None:
        # A part of the camera: frames are never binned but by super-resolution.
        return spacing / max(1.0, binning)
    return spacing / binning / finer


def _count_halves(mdoc: Mdoc, section: Section, rows: int, columns: int) -> int | None:
    """Return 1 for a movie in the camera's pixels, 2 for halves of them, None when unclear."""
    sizes = (max(rows, columns), min(rows, columns))
    if sizes in _CAMERAS:
        return 1
    if sizes in {(2 * width, 2 * height) for width, height in _CAMERAS}:
        return 2
    image = mdoc.shared.numbers("ImageSize")
    binning = section.items.number("Binning")
    if section.kind != "ZValue" or len(image) != 2 or not binning or min(image) < 1:
        return None
    ratio = max(rows, columns) / (max(image) * binning)
    return next((halves for halves in (1, 2) if 0.85 < ratio / halves < 1.2), None)


def _is_super_resolution(mdoc: Mdoc, section: Section, rows: int, columns: int) -> bool | None:
    halves = _count_halves(mdoc, section, rows, columns)
    if halves is not None:
        return halves == 2
    binning = section.items.number("Binning")
    return True if binning is not None and binning < 1 else None


def _whole(items: Items, key: str) -> int | None:
    number = items.number(key)
    return None if number is None else round(number)


def _dose_per_frame(items: Items) -> float | None:
    """Return the exposure of a frame, where all have the same: pairs of dose and number."""
    numbers = items.numbers("FrameDosesAndNumber") or items.numbers("FrameDosesAndNumbers")
    doses = numbers[0::2]
    if len(numbers) % 2 or not doses or min(doses) <= 0 or max(doses) > 1.01 * min(doses):
        return None
    return doses[0]


def _read_title(mdoc: Mdoc, items: Items) -> dict[str, FactValue]:
    """Return microscope and camera, from ``SerialEM: NAME Camera -> 0:A 1:B   date  time``."""
    title = next((text for text in mdoc.titles if text.startswith("SerialEM:")), None)
    if title is None:
        return {}
    words = _DATE_AND_TIME.sub("", title.removeprefix("SerialEM:")).strip()
    microscope, _, cameras = words.partition("Camera ->")
    facts: dict[str, FactValue] = {}
    if name := microscope.strip().removeprefix("Digitized on").strip():
        facts["microscope"] = name
    index = items.number("CameraIndex")
    listed = dict(re.findall(r"(\d+):(\S+)", cameras))
    if index is not None and f"{index:g}" in listed:
        facts["camera"] = listed[f"{index:g}"]
    return facts


def order_views(sections: Sequence[Section]) -> list[View]:
    """Return the images of a tilt series in the order of recording.

    The exposure before an image is what the mdoc says of it, else the sum over the images before;
    where one of them has no dose it is unknown.
    """
    views = []
    dose: float | None = 0.0
    frames: int | None = 0
    for number, section in enumerate(_in_order(sections)):
        stated = section.items.number("PriorRecordDose")
        before = stated if stated is not None and stated >= 0 else dose
        views.append(View(section, number, frames, before))
        own, count = section.items.number("ExposureDose"), frames_stated(section)
        dose = before + own if before is not None and own is not None and own > 0 else None
        frames = frames + count if frames is not None and count is not None else None
    return views


def _in_order(sections: Sequence[Section]) -> list[Section]:
    """Return sections by their times; as they stand where one has none."""
    times = [section.recorded_at for section in sections]
    if None in times:
        return list(sections)
    order = sorted(range(len(sections)), key=lambda i: (times[i] or datetime.min, i))
    return [sections[i] for i in order]
