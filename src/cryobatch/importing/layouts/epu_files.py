"""Find the files that EPU wrote about an exposure: its XML, and those of its square and hole."""

from pathlib import Path

from cryobatch.importing.layouts.epu_places import EpuPlaces
from cryobatch.importing.layouts.layout import grid_square, match_metadata, parse_exposure
from cryobatch.importing.layouts.paths_by_key import PathsByKey
from cryobatch.model.image import FactValue
from cryobatch.model.overview import Overview


class EpuFiles:
    """EPU's XML files of some folders, found by what they describe; none is opened to be added."""

    def __init__(self) -> None:
        """Begin empty."""
        self._exposures = PathsByKey()
        self._places = EpuPlaces()
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
        else:
            self._places.add(path)

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
        place = _place_of(recording, xml)
        if place is None:
            return {}
        square, hole = place
        found: dict[str, FactValue] = {}
        points = {"square": self._places.square_at(square),
                  "hole": self._places.hole_at(square, hole)}  # fmt: skip
        for name, point in points.items():
            if point is not None:
                found[f"{name}_x"], found[f"{name}_y"] = point
        return found

    def overviews_of(self, recording: Path, xml: Path) -> tuple[Overview, ...]:
        """Return the pictures of an exposure's square and hole, and of the atlas."""
        place = _place_of(recording, xml)
        return () if place is None else self._places.overviews_of(*place)


def _place_of(recording: Path, xml: Path) -> tuple[str, str] | None:
    """Return grid square and hole of an exposure, None where its names tell none."""
    exposure = parse_exposure(recording.name)
    square = grid_square(xml) or grid_square(recording)
    return None if exposure is None or square is None else (square, exposure.foil_hole)
