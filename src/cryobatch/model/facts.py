"""Acquisition facts: the names, units and options of what is known about a recording."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cryobatch.errors import MissingFactError, UnknownNameError, UsageError
from cryobatch.model.image import FactValue

FactKind = Literal["float", "int", "bool", "str", "file"]


@dataclass(frozen=True, slots=True)
class FactDeclaration:
    """One acquisition fact.

    Args:
        help: What it is.
        unit: Unit as a person reads it.
        kind: Its type; "file" is a path whose content counts.
        low: Smallest allowed number, inclusive.
        high: Largest allowed number, inclusive.
    """

    help: str
    unit: str = ""
    kind: FactKind = "float"
    low: float | None = None
    high: float | None = None


_KINDS: Mapping[FactKind, str] = MappingProxyType({
    "float": "a number", "int": "a whole number", "bool": "yes or no", "str": "a text",
    "file": "a file",
})  # fmt: skip

FACTS: Mapping[str, FactDeclaration] = MappingProxyType({
    "pixel_size": FactDeclaration("pixel of the recording", "Å", low=0.05, high=100),
    "voltage": FactDeclaration("acceleration voltage", "kV", low=20, high=1500),
    "cs": FactDeclaration("spherical aberration", "mm", low=0, high=20),
    "amplitude_contrast": FactDeclaration("share of amplitude contrast", low=0, high=1),
    "dose_per_frame": FactDeclaration("exposure of one frame", "e/Å²", low=1e-6, high=1000),
    "pre_exposure": FactDeclaration("exposure before the first frame", "e/Å²", low=0, high=1e5),
    "frames_before": FactDeclaration("frames recorded of its tilt series before it",
                                     kind="int", low=0),
    "total_dose": FactDeclaration("exposure of all frames", "e/Å²", low=0, high=1e6),
    "gain": FactDeclaration("gain reference", kind="file"),
    "gain_rotation": FactDeclaration("turns of 90° of the gain", kind="int", low=0, high=3),
    "gain_flip": FactDeclaration("flip of the gain: 0 none, 1 upside down, 2 left to right",
                                 kind="int", low=0, high=2),
    "defects": FactDeclaration("map of the camera's defects", kind="file"),
    "frames": FactDeclaration("number of frames", kind="int", low=1),
    "frames_expected": FactDeclaration("frames that it should have", kind="int", low=1),
    "super_resolution": FactDeclaration("whether pixels are halves of the camera's", kind="bool"),
    "exposure_time": FactDeclaration("exposure time", "s", low=0),
    "dose_rate": FactDeclaration("electrons on a pixel of the camera", "e/s", low=0),
    "gain_stated": FactDeclaration("name of the gain reference that was used", kind="str"),
    "gain_applied": FactDeclaration("whether frames were written gain-corrected", kind="bool"),
    "rotation_flip": FactDeclaration("SerialEM's turn of the frames against the gain reference",
                                     kind="int", low=0, high=7),
    "defects_stated": FactDeclaration("name of the list of defects that was used", kind="str"),
    "magnification": FactDeclaration("nominal magnification", low=1),
    "defocus_set": FactDeclaration("defocus that was asked for, underfocus positive", "Å"),
    "camera": FactDeclaration("camera", kind="str"),
    "microscope": FactDeclaration("microscope", kind="str"),
    "stage_x": FactDeclaration("stage position x", "µm"),
    "stage_y": FactDeclaration("stage position y", "µm"),
    "stage_z": FactDeclaration("stage position z", "µm"),
    "tilt_angle": FactDeclaration("stage tilt", "degrees", low=-180, high=180),
    "tilt_number": FactDeclaration("place in its tilt series, from 0", kind="int", low=0),
    "rotation_angle": FactDeclaration("from the tilt axis to the image", "degrees"),
    "beam_shift_x": FactDeclaration("beam shift x"),
    "beam_shift_y": FactDeclaration("beam shift y"),
    "beam_tilt_x": FactDeclaration("beam tilt x"),
    "beam_tilt_y": FactDeclaration("beam tilt y"),
    "image_shift_x": FactDeclaration("image shift x"),
    "image_shift_y": FactDeclaration("image shift y"),
    "spot_size": FactDeclaration("spot size", kind="int"),
    "energy_slit": FactDeclaration("width of the energy slit", "eV", low=0),
    "phase_plate": FactDeclaration("whether a phase plate was used", kind="bool"),
    "grid": FactDeclaration("grid", kind="str"),
    "grid_square": FactDeclaration("grid square", kind="str"),
    "square_x": FactDeclaration("stage position x of the grid square", "µm"),
    "square_y": FactDeclaration("stage position y of the grid square", "µm"),
    "foil_hole": FactDeclaration("foil hole", kind="str"),
    "hole_x": FactDeclaration("stage position x of the foil hole", "µm"),
    "hole_y": FactDeclaration("stage position y of the foil hole", "µm"),
    "shot": FactDeclaration("which of the exposures of a hole", kind="str"),
    "multi_shot": FactDeclaration("hole and position of a multiple record", kind="str"),
    "optics_group": FactDeclaration("images that share the beam's place", kind="int", low=1),
    "doubts": FactDeclaration("why something known about it may be wrong", kind="str"),
    "navigator_label": FactDeclaration("label in SerialEM's navigator", kind="str"),
    "exposure_number": FactDeclaration("running number in the file name", kind="int", low=0),
})  # fmt: skip


def check_fact(name: str, value: object) -> FactValue:
    """Return a fact's value in its own type, or raise UsageError."""
    if name not in FACTS:
        raise UnknownNameError("acquisition fact", name, FACTS)
    declared = FACTS[name]
    try:
        typed = _typed(declared.kind, value)
    except (TypeError, ValueError):
        raise UsageError(f"{name} = {value!r}: it takes {_describe(declared)}") from None
    if not isinstance(typed, str | bool) and not _in_range(declared, typed):
        raise UsageError(f"{name} = {typed:g}: it takes {_describe(declared)}")
    return typed


def missing_fact(name: str, image: str, makers: Collection[str] = ()) -> MissingFactError:
    """Return the error for a fact or value that is needed and unknown; it names the way out.

    Args:
        name: The fact or value.
        image: Whose it would be.
        makers: Scripts that calculate the value.
    """
    declared = FACTS.get(name)
    if declared is None:
        helpers = f"add {' or '.join(sorted(makers))}" if makers else "no known script does"
        return MissingFactError(f"{image}: no script has calculated {name}: {helpers}")
    takes = declared.unit or _KINDS[declared.kind]
    option = "--" + name.replace("_", "-")
    return MissingFactError(
        f"{image}: {declared.help} ({name}, {takes}) is unknown; give it with "
        f"'cryobatch image set {name}=... --all', or {option} when importing"
    )


def _typed(kind: FactKind, value: object) -> FactValue:
    if kind == "bool":
        if isinstance(value, str) and value.lower() in {"true", "yes", "1", "false", "no", "0"}:
            return value.lower() in {"true", "yes", "1"}
        if isinstance(value, bool):
            return value
        raise ValueError(value)
    if isinstance(value, bool):
        raise ValueError(value)
    if kind == "float":
        return float(value)  # type: ignore[arg-type]  # what is no number raises
    if kind == "int":
        return int(value)  # type: ignore[call-overload,no-any-return]  # what is no number raises
    return str(value)


def _in_range(declared: FactDeclaration, value: float | int) -> bool:
    above = declared.low is None or value >= declared.low
    below = declared.high is None or value <= declared.high
    return above and below and value == value


def _describe(declared: FactDeclaration) -> str:
    low = "" if declared.low is None else f" from {declared.low:g}"
    high = "" if declared.high is None else f" to {declared.high:g}"
    return f"{_KINDS[declared.kind]}{low}{high} {declared.unit}".rstrip()
