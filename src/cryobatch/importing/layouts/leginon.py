"""Read the file names of Leginon, which tell grid, square, hole and exposure."""

import re
from dataclasses import dataclass

from cryobatch.formats.movie import recording_stem
from cryobatch.model.image import FactValue

FRAMES_ENDING = ".frames"
_EXPOSURE = re.compile(
    r"(?P<session>.+?)(?:_(?P<grid>\d{5})gr)?_(?P<square>\d{5})sq(?:_v\d\d)?"
    r"(?:_(?P<hole>\d{5})hl)?(?:_v\d\d)?_(?P<number>\d{5})(?P<preset>[a-z]{2,4})(?:[-_]\w+)*\Z"
)
_OVERVIEW = re.compile(r".+_\d{5}(?:gr|sq|hl)(?:_v\d\d)?\Z")


@dataclass(frozen=True, slots=True)
class LeginonName:
    """What a name of Leginon's tells.

    Args:
        key: The same for frames, their sum, and what was made of them.
        group: Session, grid and square.
        facts: The parts of the name, as acquisition facts.
    """

    key: str
    group: str
    facts: dict[str, FactValue]


def parse_leginon(name: str) -> LeginonName | None:
    """Read a name like ``21oct08a_00012gr_00003sq_v01_00002hl_00005en.frames.mrc``.

    None for other names, and for images of whole grids, squares and holes.
    """
    match = _EXPOSURE.match(exposure_stem(name))
    if match is None or is_overview(name):
        return None
    parts = match.groupdict()
    grid = f"_{parts['grid']}gr" if parts["grid"] else ""
    named = {"grid": parts["grid"], "grid_square": parts["square"], "foil_hole": parts["hole"]}
    facts: dict[str, FactValue] = {name: text for name, text in named.items() if text}
    facts["exposure_number"] = int(parts["number"])
    key = exposure_stem(name)[: match.end("preset")]
    return LeginonName(key, f"{parts['session']}{grid}_{parts['square']}sq", facts)


def is_overview(name: str) -> bool:
    """Tell whether a name is that of Leginon's image of a grid, a square or holes."""
    return _OVERVIEW.match(exposure_stem(name)) is not None


def has_frames(name: str) -> bool:
    """Tell whether a name says that the file holds the frames of an exposure."""
    return recording_stem(name).lower().endswith(FRAMES_ENDING)


def exposure_stem(name: str) -> str:
    """Return a name without its extension, and without what tells frames from their sum."""
    stem = recording_stem(name)
    return stem[: -len(FRAMES_ENDING)] if stem.lower().endswith(FRAMES_ENDING) else stem
