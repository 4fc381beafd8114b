"""Optics groups: which images share the beam's place, told while they arrive.

Images of a place in SerialEM's multiple record are one group, and so are images whose beam shifts
lie together. Other conditions (microscope, camera, magnification) make other groups. A number, once
given, stays: groups are neither joined nor split nor numbered anew.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryobatch.importing.optics.beam_shifts import BeamShifts, Cluster, Shift
from cryobatch.model.image import Fact

OPTICS_GROUP = "optics_group"
BY_POSITION = "place in the multiple record"
BY_SHIFT = "beam shifts that lie together"

_CONDITIONS = ("microscope", "camera", "voltage", "magnification", "pixel_size")
_SHIFTS = (("beam_shift_x", "beam_shift_y"), ("image_shift_x", "image_shift_y"))


@dataclass(slots=True)
class OpticsGroups:
    """The optics groups of a project.

    Args:
        patterns: Beam shifts, by conditions.
        places: Groups of places in the multiple record, by conditions and place.
        last: The last number that was given.
    """

    patterns: dict[str, BeamShifts] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    last: int = 0

    def add(self, image: int, facts: Mapping[str, Fact]) -> dict[int, Fact]:
        """Take one more image.

        Args:
            image: Its id.
            facts: What is known about it.

        Returns:
            Optics groups that are known now, by image: none as long as images with beam shifts
            wait for a pattern, later those of all that have waited.
        """
        conditions = _describe_conditions(facts)
        place = facts.get("multi_shot")
        if place is not None:
            key = f"{conditions}; {place.value}"
            if key not in self.places:
                self.places[key] = next(self._numbers())
            return {image: Fact(self.places[key], BY_POSITION)}
        shift = _shift(facts)
        if shift is None:
            return {}
        pattern = self.patterns.setdefault(conditions, BeamShifts())
        found = pattern.add(image, shift, self._numbers())
        return {one: Fact(group, BY_SHIFT) for one, group in found.items()}

    def learn(self, image: int, facts: Mapping[str, Fact]) -> dict[int, Fact]:
        """Take an image that may have its group already, where nothing else is remembered.

        Images must come in their order, and those with groups before those that wait for one.
        """
        group = facts.get(OPTICS_GROUP)
        if group is None:
            return self.add(image, facts)
        number = int(group.value)
        self.last = max(self.last, number)
        conditions, place, shift = (
            _describe_conditions(facts),
            facts.get("multi_shot"),
            _shift(facts),
        )
        if place is not None:
            self.places[f"{conditions}; {place.value}"] = number
        elif shift is not None:
            self.patterns.setdefault(conditions, BeamShifts()).learn(number, shift)
        return {}

    def _numbers(self) -> Iterator[int]:
        while True:
            self.last += 1
            yield self.last


def groups_to_json(groups: OpticsGroups) -> dict[str, Any]:
    """Return groups as they are kept (Any: JSON's own variety)."""
    return {
        "last": groups.last,
        "places": groups.places,
        "patterns": {
            conditions: {
                "clusters": [[c.group, c.x, c.y, c.count] for c in pattern.clusters],
                "scatter": pattern.scatter,
                "waiting": pattern.waiting,
            }
            for conditions, pattern in groups.patterns.items()
        },
    }


def groups_from_json(kept: Mapping[str, Any]) -> OpticsGroups:
    """Return groups that were kept (Any: JSON's own variety)."""
    return OpticsGroups(
        patterns={
            conditions: BeamShifts(
                clusters=[Cluster(*values) for values in pattern["clusters"]],
                scatter=pattern["scatter"],
                waiting=[(image, x, y) for image, x, y in pattern["waiting"]],
            )
            for conditions, pattern in kept["patterns"].items()
        },
        places=dict(kept["places"]),
        last=kept["last"],
    )


def _describe_conditions(facts: Mapping[str, Fact]) -> str:
    known = (facts.get(name) for name in _CONDITIONS)
    return ", ".join(_word(fact) for fact in known)


def _word(fact: Fact | None) -> str:
    if fact is None:
        return "-"
    return f"{fact.value:.4g}" if isinstance(fact.value, float) else str(fact.value)


def _shift(facts: Mapping[str, Fact]) -> Shift | None:
    """Return the beam shift, the image shift where no beam shift is known.

    Those of a tilt series follow its tracking and are no pattern.
    """
    if "tilt_number" in facts:
        return None
    for along_x, along_y in _SHIFTS:
        if along_x in facts and along_y in facts:
            return float(facts[along_x].value), float(facts[along_y].value)
    return None
