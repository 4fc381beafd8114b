"""Find the files that EPU wrote about an exposure: its XML, and those of its square and hole."""

from collections.abc import Iterable
from pathlib import Path

from cryobatch.errors import BadInput
from cryobatch.formats.epu import read_epu
from cryobatch.importing.layouts.layout import (
    grid_square,
    match_metadata,
    parse_exposure,
    parse_place,
)
from cryobatch.importing.layouts.paths_by_key import PathsByKey
from cryobatch.model.image import FactValue

Position = tuple[float, float]
"""Stage position x and y in µm."""


class EpuFiles:
    """EPU's XML files of some folders, found by what they describe; none is opened to be added."""

    def __init__(self) -> None:
        """Begin empty."""
        self._exposures = PathsByKey()
        self._places = PathsByKey()
        self._positions: dict[str, Position] = {}
        self._expected = False

    def __bool__(self) -> bool:
        """Tell whether there is the XML of any exposure."""
        return self._expected or bool(self._exposures)

    def expect(self) -> None:
        """Take note that there is the XML of some exposure, which was not added."""
        self._expected = True

    def add(self, path: Path) -> None:
        """Take note of a file; what is none of EPU's XML is left alone."""
        exposure = parse_exposure(path.name)
        if exposure is not None:
            self._exposures.add(exposure.key, path)
        elif (place := parse_place(path)) is not None:
            self._places.add(place, path)

    def discard(self, path: Path) -> None:
        """Forget a file."""
        exposure = parse_exposure(path.name)
        if exposure is not None:
            self._exposures.discard(exposure.key, path)

    def xml_of(self, recording: Path) -> Path | None:
        """Return the XML of an exposure, None where there is none (yet)."""
        exposure = parse_exposure(recording.name)
        if exposure is None:
            return None
        return match_metadata(recording, self._exposures.get(exposure.key))

    def positions_of(self, recording: Path, xml: Path) -> dict[str, FactValue]:
        """Return where grid square and hole of an exposure are, as far as they were recorded."""
        exposure = parse_exposure(recording.name)
        square = grid_square(xml) or grid_square(recording)
        if exposure is None or square is None:
            return {}
        found: dict[str, FactValue] = {}
        for name, key in (("square", square), ("hole", f"{square}/{exposure.foil_hole}")):
            position = self._position(self._places.get(key))
            if position is not None:
                found[f"{name}_x"], found[f"{name}_y"] = position
        return found

    def _position(self, files: Iterable[Path]) -> Position | None:
        """Return the stage position of the last image that has one: later ones are corrected."""
        for path in sorted(files, key=lambda path: (path.name, str(path)), reverse=True):
            position = self._positions.get(str(path)) or _read_position(path)
            if position is not None:
                self._positions[str(path)] = position
                return position
        return None


def _read_position(path: Path) -> Position | None:
    try:
        facts = read_epu(path).facts
    except BadInput:
        return None  # written at this moment, or not at all: a map can do without
    x, y = facts.get("stage_x"), facts.get("stage_y")
    return (float(x), float(y)) if x is not None and y is not None else None
