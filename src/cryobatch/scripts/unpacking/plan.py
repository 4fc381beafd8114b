"""Decide how a movie becomes a stack: which frames, how they are grouped, how they are kept."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cryobatch.errors import BadInput, ScriptFailed

EXACT_IN_FLOAT16 = 2048
"""Whole numbers up to here are exact in float16, and its largest value is far enough away. Beyond,
its rounding (0.05 %) is still below counting noise, but a later frame might overflow."""

LARGEST_PACKED = 15


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person wants.

    Args:
        eer_fraction_dose: e/Å² of a dose fraction.
        eer_frames_per_fraction: Hardware frames of a dose fraction instead.
        eer_upsampling: 1, 2 or 4.
        first_frame: From 1; of an EER, a dose fraction.
        last_frame: Inclusive; None: the last one.
        stack_type: "auto", "float16" or "float32".
        pack: Whether small counts share a byte.
        hot_pixel_sigma: None: hot pixels stay.
    """

    eer_fraction_dose: float
    eer_frames_per_fraction: int | None
    eer_upsampling: int
    first_frame: int
    last_frame: int | None
    stack_type: str
    pack: bool
    hot_pixel_sigma: float | None


@dataclass(frozen=True, slots=True)
class StackType:
    """How frames are kept.

    Args:
        dtype: Of the stack.
        packed: Whether two pixels share a byte.
    """

    dtype: np.dtype[Any]
    packed: bool = False


def group_frames(settings: Settings, dose_per_frame: float | None, movie: str) -> int:
    """Return how many hardware frames of an EER make a dose fraction.

    Args:
        settings: What a person wants.
        dose_per_frame: e/Å² of a hardware frame, None when unknown.
        movie: For the error.
    """
    if settings.eer_frames_per_fraction is not None:
        return settings.eer_frames_per_fraction
    if dose_per_frame is None:
        raise ScriptFailed(
            f"{movie}: the dose of an EER frame is unknown, so that its frames cannot be grouped; "
            "give it with 'cryobatch image set dose_per_frame=... --all', or choose their number "
            "with --set unpack.eer_frames_per_fraction=..."
        )
    return max(1, round(settings.eer_fraction_dose / dose_per_frame))


def choose_frames(settings: Settings, available: int, movie: str) -> range:
    """Return which frames of a movie go into the stack, counted from 0."""
    last = available if settings.last_frame is None else min(settings.last_frame, available)
    if settings.first_frame > last:
        raise BadInput(
            f"{movie}: has {available} frames, none is left from {settings.first_frame} to {last}; "
            "change unpack.first_frame or unpack.last_frame"
        )
    return range(settings.first_frame - 1, last)


def choose_type(
    settings: Settings, raw: np.dtype[Any], highest: float, *, scaled: bool
) -> StackType:
    """Return how to keep the frames.

    Args:
        settings: What a person wants.
        raw: Number type of the movie.
        highest: Largest magnitude in its first frame, gain-corrected.
        scaled: Whether a gain makes fractions of the counts.
    """
    if settings.stack_type != "auto":
        return StackType(np.dtype(settings.stack_type))
    if not scaled and may_stay_counts(settings, raw):
        packed = settings.pack and raw == np.uint8 and highest <= LARGEST_PACKED
        return StackType(raw, packed)
    return StackType(np.dtype("float16" if highest < EXACT_IN_FLOAT16 else "float32"))


def may_stay_counts(settings: Settings, raw: np.dtype[Any]) -> bool:
    """Tell whether frames may be kept as the integers that the camera counted."""
    return settings.stack_type == "auto" and raw.kind in "iu" and raw.itemsize <= 2
