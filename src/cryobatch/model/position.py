"""Positions: where on the grid an image was recorded, as far as its acquisition facts tell."""

from dataclasses import dataclass

from cryobatch.model.image import ImageRecord

Point = tuple[float, float]
"""x and y in µm, x to the right and y upwards as the stage counts."""

BEAM_SHIFT_UM = 26.0
"""µm on the specimen of one unit of the beam shift in EPU's XML: two exposures of one hole whose
template lies 0.68 µm apart differ by 0.0262 units (a Krios; others are near it)."""
_UM_PER_ANGSTROM = 1e-4


@dataclass(frozen=True, slots=True)
class Position:
    """Where an image was recorded.

    Args:
        square: Name of its grid square, None where nothing names one.
        hole: Name of its hole.
        stage: Where the stage stood.
        hole_at: Where its hole is.
        shift: How far the beam was moved besides, in µm along the beam's own axes, which may be
            turned against the stage's.
        size: Width and height of what the image shows, µm.
    """

    square: str | None = None
    hole: str | None = None
    stage: Point | None = None
    hole_at: Point | None = None
    shift: Point = (0.0, 0.0)
    size: Point = (0.0, 0.0)


def position_of(record: ImageRecord) -> Position:
    """Return where an image was recorded, with the facts that a person has corrected."""
    pixel_um = (_number(record, "pixel_size") or 0.0) * _UM_PER_ANGSTROM
    return Position(
        square=_text(record, "grid_square"),
        hole=_text(record, "foil_hole"),
        stage=_point(record, "stage"),
        hole_at=_point(record, "hole"),
        shift=_shift(record),
        size=(record.image.columns * pixel_um, record.image.rows * pixel_um),
    )


def _shift(record: ImageRecord) -> Point:
    """Return the beam shift; SerialEM's image shift, which is in µm, where there is none."""
    beam = _point(record, "beam_shift")
    if beam is not None:
        return beam[0] * BEAM_SHIFT_UM, beam[1] * BEAM_SHIFT_UM
    return _point(record, "image_shift") or (0.0, 0.0)


def _point(record: ImageRecord, name: str) -> Point | None:
    x, y = _number(record, f"{name}_x"), _number(record, f"{name}_y")
    return None if x is None or y is None else (x, y)


def _number(record: ImageRecord, name: str) -> float | None:
    value = record.fact(name)
    return float(value) if isinstance(value, int | float) else None


def _text(record: ImageRecord, name: str) -> str | None:
    value = record.fact(name)
    return None if value is None else str(value)
