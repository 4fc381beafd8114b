"""RELION's motion STAR file of one micrograph (3.1 and later).

In this package a shift is the displacement of the content in a frame. RELION's file holds what has
to be added to undo it, the negative, both in ``data_global_shift`` and in the polynomial (found by
letting relion_run_motioncorr 3.1.3 correct a movie whose motion was known). The sign changes here
and nowhere else. All lengths are in unbinned pixels of the movie; the polynomial's space runs over
x / columns - 0.5 and y / rows - 0.5, its time over the frames since the first one.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.star import (
    StarTable,
    StarValue,
    format_star,
    read_star,
    star_list,
    write_star,
)

COEFFICIENTS = 36
_NO_MODEL, _THIRD_ORDER = 0, 1
_EARLY = "early_motion"
_EARLY_LABELS = [f"cryobatchEarlyMotion{axis}{term}" for axis in "XY" for term in range(6)]


@dataclass(frozen=True, slots=True)
class MotionFile:
    """What a motion STAR file tells.

    Attributes:
        movie: Path of the movie.
        shape: ``(frames, rows, columns)`` of the movie, unbinned.
        pixel_size_angstrom: Of the movie, unbinned.
        binning: The micrograph's pixel over the movie's.
        global_shifts_px: ``(frames, 2)`` float64, x and y, displacement of the content.
        coefficients_px: ``(2, 18)`` float64, the polynomial for x and y; None without one.
        early_px: ``(frames, 2, 6)`` float64: local motion besides the polynomial, of each frame for
            x and y by terms of space; None without any. RELION does not look at it.
        hot_pixels: ``(n, 2)`` float64, x and y.
        local_shifts_px: ``(n, 5)`` float64: frame (from 1), x, y, displacement along x and y as a
            patch was seen to move; RELION plots it.
        voltage_kv: None if unknown.
        dose_per_frame: e/Å², None if unknown.
        pre_exposure: e/Å².
        gain: Path of the gain reference, None if there is none.
        start_frame: First frame that was used, from 1.
        eer_upsampling: 1 for 4k, 2 for 8k; None for what is no EER.
        eer_grouping: Hardware frames in a fraction; None likewise.
    """

    movie: str
    shape: tuple[int, int, int]
    pixel_size_angstrom: float
    binning: float
    global_shifts_px: NDArray[np.float64]
    coefficients_px: NDArray[np.float64] | None
    hot_pixels: NDArray[np.float64]
    local_shifts_px: NDArray[np.float64]
    voltage_kv: float | None = None
    dose_per_frame: float | None = None
    pre_exposure: float = 0.0
    gain: str | None = None
    start_frame: int = 1
    eer_upsampling: int | None = None
    eer_grouping: int | None = None
    early_px: NDArray[np.float64] | None = None


def write_motion(path: Path, motion: MotionFile) -> None:
    """Write a motion file, which appears whole or not at all."""
    write_star(path, _blocks(motion))


def format_motion(motion: MotionFile) -> str:
    """Return the text of a motion file."""
    return format_star(_blocks(motion))


def _blocks(motion: MotionFile) -> dict[str, StarTable]:
    blocks = {"general": star_list(**_general(motion)), "global_shift": _global_table(motion)}
    if motion.coefficients_px is not None:
        blocks["local_motion_model"] = _model_table(motion.coefficients_px)
    if motion.early_px is not None:
        blocks[_EARLY] = _early_table(motion.early_px, motion.start_frame)
    if len(motion.hot_pixels):
        blocks["hot_pixels"] = StarTable({
            "rlnCoordinateX": _numbers(motion.hot_pixels[:, 0]),
            "rlnCoordinateY": _numbers(motion.hot_pixels[:, 1]),
        })  # fmt: skip
    if len(motion.local_shifts_px):
        blocks["local_shift"] = _local_table(motion.local_shifts_px)
    return blocks


def read_motion(path: Path) -> MotionFile:
    """Read a motion file, of ours or of RELION.

    Raises:
        BadInput: It cannot be read, lacks a block or column, or has another motion model.
    """
    blocks = read_star(path)
    for needed in ("general", "global_shift"):
        if needed not in blocks:
            raise BadInput(f"{path}: has no block {needed!r}; it is no motion file, make it again")
    general, shifts = blocks["general"], blocks["global_shift"]
    return MotionFile(
        movie=general.text("rlnMicrographMovieName"),
        shape=_shape(general),
        pixel_size_angstrom=general.number("rlnMicrographOriginalPixelSize"),
        binning=general.number("rlnMicrographBinning"),
        global_shifts_px=_negative(_pairs(shifts, "rlnMicrographShiftX", "rlnMicrographShiftY")),
        coefficients_px=_read_model(path, blocks),
        hot_pixels=_pairs(blocks.get("hot_pixels"), "rlnCoordinateX", "rlnCoordinateY"),
        local_shifts_px=_read_local(blocks.get("local_shift")),
        voltage_kv=_maybe(general, "rlnVoltage"),
        dose_per_frame=_maybe(general, "rlnMicrographDoseRate"),
        pre_exposure=_maybe(general, "rlnMicrographPreExposure") or 0.0,
        gain=general.text("rlnMicrographGainName") if "rlnMicrographGainName" in general else None,
        start_frame=_whole(general, "rlnMicrographStartFrame") or 1,
        eer_upsampling=_whole(general, "rlnEERUpsampling"),
        eer_grouping=_whole(general, "rlnEERGrouping"),
        early_px=_read_early(path, blocks),
    )


def _general(motion: MotionFile) -> dict[str, StarValue]:
    frames, rows, columns = motion.shape
    version = _NO_MODEL if motion.coefficients_px is None else _THIRD_ORDER
    known: dict[str, StarValue | None] = {
        "rlnImageSizeX": columns,
        "rlnImageSizeY": rows,
        "rlnImageSizeZ": frames,
        "rlnMicrographMovieName": motion.movie,
        "rlnMicrographGainName": motion.gain,
        "rlnMicrographBinning": motion.binning,
        "rlnMicrographOriginalPixelSize": motion.pixel_size_angstrom,
        "rlnMicrographDoseRate": motion.dose_per_frame,
        "rlnMicrographPreExposure": motion.pre_exposure,
        "rlnVoltage": motion.voltage_kv,
        "rlnMicrographStartFrame": motion.start_frame,
        "rlnEERUpsampling": motion.eer_upsampling,
        "rlnEERGrouping": motion.eer_grouping,
        "rlnMotionModelVersion": version,
    }
    return {label: value for label, value in known.items() if value is not None}


def _global_table(motion: MotionFile) -> StarTable:
    shifts = _negative(motion.global_shifts_px)
    numbers = range(motion.start_frame, motion.start_frame + len(shifts))
    return StarTable({
        "rlnMicrographFrameNumber": list(numbers),
        "rlnMicrographShiftX": _numbers(shifts[:, 0]),
        "rlnMicrographShiftY": _numbers(shifts[:, 1]),
    })  # fmt: skip


def _model_table(coefficients_px: NDArray[np.float64]) -> StarTable:
    values = _negative(coefficients_px.ravel())
    return StarTable({
        "rlnMotionModelCoeffsIdx": list(range(len(values))),
        "rlnMotionModelCoeff": _numbers(values),
    })  # fmt: skip


def _early_table(early_px: NDArray[np.float64], first: int) -> StarTable:
    numbers = range(first, first + len(early_px))
    values = _negative(early_px.reshape(len(numbers), len(_EARLY_LABELS)))
    terms = zip(_EARLY_LABELS, values.T, strict=True)
    return StarTable({
        "rlnMicrographFrameNumber": list(numbers),
        **{label: _numbers(term) for label, term in terms},
    })  # fmt: skip


def _local_table(local: NDArray[np.float64]) -> StarTable:
    shifts = _negative(local[:, 3:])
    return StarTable({
        "rlnMicrographFrameNumber": [round(float(number)) for number in local[:, 0]],
        "rlnCoordinateX": _numbers(local[:, 1]),
        "rlnCoordinateY": _numbers(local[:, 2]),
        "rlnMicrographShiftX": _numbers(shifts[:, 0]),
        "rlnMicrographShiftY": _numbers(shifts[:, 1]),
    })  # fmt: skip


def _read_model(path: Path, blocks: dict[str, StarTable]) -> NDArray[np.float64] | None:
    version = round(blocks["general"].number("rlnMotionModelVersion"))
    if version == _NO_MODEL:
        return None
    if version != _THIRD_ORDER or "local_motion_model" not in blocks:
        raise BadInput(
            f"{path}: motion model version {version} is unknown or not there; known: 0, 1"
        )
    table = blocks["local_motion_model"]
    if sorted(table.ints("rlnMotionModelCoeffsIdx")) != list(range(COEFFICIENTS)):
        raise BadInput(f"{path}: a motion model has coefficients 0 to {COEFFICIENTS - 1}")
    order = np.argsort(table.ints("rlnMotionModelCoeffsIdx"))
    return _negative(table.floats("rlnMotionModelCoeff")[order].reshape(2, -1))


def _read_early(path: Path, blocks: dict[str, StarTable]) -> NDArray[np.float64] | None:
    table = blocks.get(_EARLY)
    if table is None:
        return None
    if len(table) != len(blocks["global_shift"]):
        raise BadInput(f"{path}: {_EARLY!r} has {len(table)} frames; make the motion file again")
    terms = np.stack([table.floats(label) for label in _EARLY_LABELS], axis=-1)
    return _negative(terms).reshape(len(table), 2, -1)


def _read_local(table: StarTable | None) -> NDArray[np.float64]:
    if table is None:
        return np.zeros((0, 5))
    places = _pairs(table, "rlnCoordinateX", "rlnCoordinateY")
    shifts = _negative(_pairs(table, "rlnMicrographShiftX", "rlnMicrographShiftY"))
    frames = table.floats("rlnMicrographFrameNumber")
    return np.concatenate([frames[:, None], places, shifts], axis=1)


def _shape(general: StarTable) -> tuple[int, int, int]:
    frames, rows, columns = (round(general.number(f"rlnImageSize{axis}")) for axis in "ZYX")
    return frames, rows, columns


def _pairs(table: StarTable | None, first: str, second: str) -> NDArray[np.float64]:
    if table is None:
        return np.zeros((0, 2))
    return np.stack([table.floats(first), table.floats(second)], axis=-1)


def _maybe(table: StarTable, label: str) -> float | None:
    return table.number(label) if label in table else None


def _whole(table: StarTable, label: str) -> int | None:
    return round(table.number(label)) if label in table else None


def _negative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Change the sign, without making a negative zero."""
    return 0.0 - values


def _numbers(values: NDArray[np.float64]) -> list[StarValue]:
    return [float(value) for value in values]
