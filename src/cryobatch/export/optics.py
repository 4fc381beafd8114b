"""Optics groups: exposures whose aberrations other programs refine together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryobatch.export.exposure import Exposure
from cryobatch.formats.star import StarTable, StarValue

_NEEDED = {
    "voltage_kv": "voltage",
    "cs_mm": "cs",
    "amplitude_contrast": "amplitude_contrast",
    "pixel_size_angstrom": "pixel_size",
}
_Key = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class OpticsGroup:
    """Exposures that share the microscope's settings and the beam's place.

    Args:
        number: From 1; the image's own ``optics_group`` wherever that is unambiguous.
        sample: One of its exposures: all have its settings.
    """

    number: int
    sample: Exposure

    @property
    def name(self) -> str:
        """Return its name."""
        return f"opticsGroup{self.number}"


@dataclass(frozen=True, slots=True)
class Optics:
    """The optics groups of some exposures.

    Args:
        groups: In the order of their numbers.
        numbers: Number of each exposure's group, by the exposure's id.
    """

    groups: Sequence[OpticsGroup]
    numbers: Mapping[int, int]

    def table(self, used: Iterable[Exposure], *, micrographs: bool = True) -> StarTable:
        """Return RELION's table of the optics groups of some of the exposures.

        Args:
            used: The exposures.
            micrographs: Whether it stands with micrographs (or particles), not with movies.
        """
        numbers = {self.numbers[one.id] for one in used}
        groups = [group for group in self.groups if group.number in numbers]

        def collect(name: str) -> list[StarValue]:
            return [getattr(group.sample, name) for group in groups]

        columns: dict[str, list[StarValue]] = {
            "rlnOpticsGroupName": [group.name for group in groups],
            "rlnOpticsGroup": [group.number for group in groups],
            "rlnMicrographOriginalPixelSize": collect("pixel_size_angstrom"),
            "rlnVoltage": collect("voltage_kv"),
            "rlnSphericalAberration": collect("cs_mm"),
            "rlnAmplitudeContrast": collect("amplitude_contrast"),
        }
        if micrographs:
            columns["rlnMicrographPixelSize"] = collect("micrograph_pixel_size_angstrom")
        return StarTable(columns)


def missing_settings(exposure: Exposure) -> list[str]:
    """Return the acquisition facts that other programs must know and nobody does."""
    return [fact for name, fact in _NEEDED.items() if getattr(exposure, name) is None]


def group_optics(exposures: Iterable[Exposure]) -> Optics:
    """Return the optics groups of exposures.

    An exposure keeps its own number. Where images of one number differ in a setting (another
    magnification), the first keep it, and the others get numbers above all that are there.
    """
    ordered = sorted(exposures, key=lambda one: one.id)
    found: dict[tuple[int, _Key], int] = {}
    samples: dict[int, Exposure] = {}
    above = max((one.optics_group for one in ordered), default=0)
    numbers = {}
    for one in ordered:
        key = (one.optics_group, _settings(one))
        if key not in found:
            number = one.optics_group
            if number in samples:
                above += 1
                number = above
            found[key], samples[number] = number, one
        numbers[one.id] = found[key]
    return Optics([OpticsGroup(n, samples[n]) for n in sorted(samples)], numbers)


def _settings(one: Exposure) -> _Key:
    return (one.voltage_kv, one.cs_mm, one.amplitude_contrast, one.pixel_size_angstrom,
            one.micrograph_pixel_size_angstrom)  # fmt: skip
