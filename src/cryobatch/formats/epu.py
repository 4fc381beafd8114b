"""Read the XML that EPU writes beside each exposure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from cryobatch.errors import BadInput
from cryobatch.formats.reading import read_small
from cryobatch.formats.safe_xml import MOST_BYTES, parse_xml
from cryobatch.formats.xml_tree import (
    as_number,
    find_element,
    find_number,
    find_text,
    plain_name,
)
from cryobatch.model.image import FactValue

_ANGSTROM_PER_METRE = 1e10
_MICROMETRE_PER_METRE = 1e6
_PER_ANGSTROM2_FROM_PER_METRE2 = 1e-20

_NUMBERS = {
    "voltage": ("microscopeData/gun/AccelerationVoltage", 1e-3),
    "magnification": ("microscopeData/optics/TemMagnification/NominalMagnification", 1.0),
    "exposure_time": ("microscopeData/acquisition/camera/ExposureTime", 1.0),
    "stage_x": ("microscopeData/stage/Position/X", _MICROMETRE_PER_METRE),
    "stage_y": ("microscopeData/stage/Position/Y", _MICROMETRE_PER_METRE),
    "stage_z": ("microscopeData/stage/Position/Z", _MICROMETRE_PER_METRE),
    "tilt_angle": ("microscopeData/stage/Position/A", math.degrees(1.0)),
    "beam_shift_x": ("microscopeData/optics/BeamShift/_x", 1.0),
    "beam_shift_y": ("microscopeData/optics/BeamShift/_y", 1.0),
    "beam_tilt_x": ("microscopeData/optics/BeamTilt/_x", 1.0),
    "beam_tilt_y": ("microscopeData/optics/BeamTilt/_y", 1.0),
    "image_shift_x": ("microscopeData/optics/ImageShift/_x", 1.0),
    "image_shift_y": ("microscopeData/optics/ImageShift/_y", 1.0),
    "spot_size": ("microscopeData/optics/SpotIndex", 1.0),
}
"""Facts with their place in the document, and what makes our unit of EPU's."""


@dataclass(frozen=True, slots=True)
class EpuExposure:
    """What EPU tells of one exposure.

    Args:
        facts: Acquisition facts but for the pixel size, in our units.
        pixel_size_angstrom: Of the image that the XML describes, None when it has none.
        readout_width: Width of that image in pixels.
        camera_width: Width of the camera in its own pixels.
        fractions: Frames that the movie was to have, None when the XML does not say.
        recorded_at: ISO 8601, None when unknown.
        unique_id: EPU's name of the exposure, None when it has none.
    """

    facts: Mapping[str, FactValue]
    pixel_size_angstrom: float | None
    readout_width: int | None
    camera_width: int | None
    fractions: int | None
    recorded_at: str | None
    unique_id: str | None

    def pixel_size_at(self, columns: int) -> float | None:
        """Return the pixel size of a movie with so many columns, Å.

        Image and movie show the same area of the camera, so their pixels are as their widths. The
        document's own super-resolution factor does not tell whether the movie has it.
        """
        if self.pixel_size_angstrom is None or self.readout_width is None:
            return None
        return self.pixel_size_angstrom * self.readout_width / columns

    def is_super_resolution(self, columns: int) -> bool | None:
        """Tell whether a movie with so many columns has pixels finer than the camera's."""
        return None if self.camera_width is None else columns > 1.5 * self.camera_width


def read_epu(path: Path) -> EpuExposure:
    """Read an exposure's XML.

    Raises:
        BadInput: It cannot be read, or is no ``MicroscopeImage``.
    """
    return parse_epu(read_small(path, MOST_BYTES), str(path))


def parse_epu(data: bytes, where: str) -> EpuExposure:
    """Return what an exposure's XML tells; ``where`` names it in errors."""
    root = parse_microscope_image(data, where)
    custom = _key_values(find_element(root, "CustomData"))
    readout = find_number(root, "microscopeData/acquisition/camera/ReadoutArea/width")
    binning = find_number(root, "microscopeData/acquisition/camera/Binning/x")
    pixel = find_number(root, "SpatialScale/pixelSize/x/numericValue")
    return EpuExposure(
        facts=_read_facts(root, custom),
        pixel_size_angstrom=_positive(pixel, _ANGSTROM_PER_METRE),
        readout_width=round(readout) if readout else None,
        camera_width=round(readout * binning) if readout and binning else None,
        fractions=_count_fractions(root),
        recorded_at=find_text(root, "microscopeData/acquisition/acquisitionDateTime"),
        unique_id=find_text(root, "uniqueID"),
    )


def parse_microscope_image(data: bytes, where: str) -> Element:
    """Return the root of the XML that EPU writes beside every picture, exposures or not."""
    root = parse_xml(data, where)
    if plain_name(root.tag) != "MicroscopeImage":
        raise BadInput(f"{where}: is no EPU metadata, its root is {plain_name(root.tag)}")
    return root


def _read_facts(root: Element, custom: Mapping[str, str]) -> dict[str, FactValue]:
    facts: dict[str, FactValue] = {}
    for name, (place, factor) in _NUMBERS.items():
        number = find_number(root, place)
        if number is not None:
            facts[name] = round(number) if name == "spot_size" else number * factor
    energy_filter = "microscopeData/optics/EnergyFilter"
    width = find_number(root, f"{energy_filter}/EnergySelectionSlitWidth")
    if (
        width is not None
        and find_text(root, f"{energy_filter}/EnergySelectionSlitInserted") == "true"
    ):
        facts["energy_slit"] = width
    dose = _positive(as_number(custom.get("Dose")), _PER_ANGSTROM2_FROM_PER_METRE2)
    if dose is not None:
        facts["total_dose"] = dose
    defocus = as_number(custom.get("AppliedDefocus"))
    if defocus is not None:
        # EPU counts underfocus negative.
        facts["defocus_set"] = -defocus * _ANGSTROM_PER_METRE
    if "PhasePlateUsed" in custom:
        facts["phase_plate"] = custom["PhasePlateUsed"] == "true"
    camera = custom.get("DetectorCommercialName") or find_text(
        root, "microscopeData/acquisition/camera/Name"
    )
    microscope = find_text(root, "microscopeData/instrument/InstrumentModel") or find_text(
        root, "microscopeData/instrument/InstrumentID"
    )
    named = {"camera": camera, "microscope": microscope}
    return facts | {name: text for name, text in named.items() if text}


def _count_fractions(root: Element) -> int | None:
    """Return the frames of the movie: a number, or as many as are listed one by one."""
    settings = find_element(root, "microscopeData/acquisition/camera/CameraSpecificInput")
    for item in settings if settings is not None else ():
        if find_text(item, "Key") != "FractionationSettings":
            continue
        for element in item.iter():
            if plain_name(element.tag).lower() == "numberoffractions":
                number = as_number(element.text)
                return round(number) if number is not None and 1 <= number < 1e6 else None
            if plain_name(element.tag).lower() == "dosefractions" and len(element):
                return len(element)
    return None


def _positive(number: float | None, factor: float) -> float | None:
    return number * factor if number is not None and number > 0 else None


def _key_values(element: Element | None) -> dict[str, str]:
    """Return a serialised dictionary by key: the order of its items varies."""
    found = {}
    for item in element if element is not None else ():
        key, value = find_text(item, "Key"), find_text(item, "Value")
        if key is not None:
            found[key] = value or ""
    return found
