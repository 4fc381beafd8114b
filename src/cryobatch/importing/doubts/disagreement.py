"""Find where the sources of a recording's facts disagree: one of them must be wrong."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryobatch.model.facts import FACTS
from cryobatch.model.image import Fact

_SHARES = {
    "pixel_size": 0.05, "voltage": 0.01, "cs": 0.01, "total_dose": 0.2, "dose_per_frame": 0.2,
    "exposure_time": 0.05, "magnification": 0.01, "defocus_set": 0.05,
}  # fmt: skip
"""Facts that are compared, with the share that sources may differ by: a calibration moves a pixel
size by a few percent, and a dose is an estimate."""
_DISTANCES = {"tilt_angle": 1.0, "frames": 0.0}
_SOURCES_OF_ONE_FILE = ("EPU XML", "mdoc", "metadata")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two sources that say different things.

    Args:
        name: The fact.
        taken: What is taken, from the surer source.
        other: What another source says.
    """

    name: str
    taken: Fact
    other: Fact

    @property
    def kind(self) -> str:
        """Return what is the same for all images with this disagreement."""
        return f"{self.name}: {source_kind(self.taken.source)} / {source_kind(self.other.source)}"

    def describe(self) -> str:
        """Return the disagreement in words."""
        unit = FACTS[self.name].unit
        taken, other = (f"{fact.value:.5g} {unit}".rstrip() for fact in (self.taken, self.other))
        return (
            f"{self.name} is {taken} by {self.taken.source}, which is taken, "
            f"and {other} by {self.other.source}"
        )


def source_kind(source: str) -> str:
    """Return a fact's source without the file that it is from.

    >>> source_kind("EPU XML FoilHole_1_Data_2.xml")
    'EPU XML'
    """
    return next((kind for kind in _SOURCES_OF_ONE_FILE if source.startswith(f"{kind} ")), source)


def find_disagreements(
    layers: Iterable[Mapping[str, Fact]], frames: int
) -> tuple[Disagreement, ...]:
    """Return where sources disagree, each with the first of those that say otherwise.

    Args:
        layers: Facts by name, the surest source first.
        frames: Frames of the exposure: the dose of a frame is compared also where a source knows
            that of all frames.
    """
    taken: dict[str, Fact] = {}
    found: dict[str, Disagreement] = {}
    for layer in layers:
        for name, fact in _with_dose(layer, frames).items():
            first = taken.setdefault(name, fact)
            if name not in found and _differ(name, first, fact):
                found[name] = Disagreement(name, first, fact)
    if "dose_per_frame" in found:
        found.pop("total_dose", None)  # the same said twice
    return tuple(found.values())


def _with_dose(layer: Mapping[str, Fact], frames: int) -> Mapping[str, Fact]:
    total = layer.get("total_dose")
    if total is None or "dose_per_frame" in layer or frames < 1 or not float(total.value) > 0:
        return layer
    return {**layer, "dose_per_frame": Fact(float(total.value) / frames, total.source)}


def _differ(name: str, first: Fact, second: Fact) -> bool:
    if name not in _SHARES and name not in _DISTANCES:
        return False
    one, other = float(first.value), float(second.value)
    if name in _DISTANCES:
        return abs(one - other) > _DISTANCES[name]
    return abs(one - other) > _SHARES[name] * max(abs(one), abs(other))
