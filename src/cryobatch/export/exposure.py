"""Exposures: images as other programs are told of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from cryobatch.errors import BadInput
from cryobatch.model.image import FactValue, ImageRecord
from cryobatch.model.value import Result

VALUES = (
    "defocus_u", "defocus_v", "defocus_angle", "phase_shift", "ctf_score", "ctf_resolution",
    "ice_ring", "drift_path", "drift_early", "drift_late", "drift_range", "particle_count",
)  # fmt: skip
"""Values that other programs are told of."""
FACTS = ("beam_shift_x", "beam_shift_y", "image_shift_x", "image_shift_y", "tilt_angle")
"""Facts that they are told of besides the settings."""
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Exposure:
    """An image as other programs are told of it.

    Args:
        id: Its number in the library.
        group: Its group.
        name: Its name, unique in the group; both are safe as names of files.
        optics_group: Number of the images whose beam stood at the same place, from 1.
        voltage_kv: Acceleration voltage.
        cs_mm: Spherical aberration.
        amplitude_contrast: Share of amplitude contrast.
        pixel_size_angstrom: Of the recording.
        micrograph_pixel_size_angstrom: Of the micrograph.
        movie: The recording where it has frames.
        micrograph: The micrograph.
        motion: The motion file.
        particles: The picks.
        power_spectrum: The amplitude spectrum.
        values: Of ``VALUES``, those that were calculated.
        facts: Of ``FACTS``, those that are known.
    """

    id: int
    group: str
    name: str
    optics_group: int = 1
    voltage_kv: float | None = None
    cs_mm: float | None = None
    amplitude_contrast: float | None = None
    pixel_size_angstrom: float | None = None
    micrograph_pixel_size_angstrom: float | None = None
    movie: Path | None = None
    micrograph: Path | None = None
    motion: Path | None = None
    particles: Path | None = None
    power_spectrum: Path | None = None
    values: Mapping[str, Result] = field(default_factory=dict)
    facts: Mapping[str, FactValue] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Return group and name."""
        return f"{self.group}/{self.name}"

    def number(self, value: str) -> float | None:
        """Return a value that is a number, None when it is absent, a text or unknown."""
        found = self.values.get(value)
        return float(found) if isinstance(found, int | float) else None


@dataclass(frozen=True, slots=True)
class Lacks:
    """What is not told of exposures: a file that cannot be read costs no other exposure.

    Args:
        texts: Why, by group and name.
    """

    texts: dict[str, str]

    def read(self, read: Callable[[Exposure], _Read | None], one: Exposure) -> _Read | None:
        """Return what is read of an exposure; None, with the reason noted, where that fails."""
        try:
            return read(one)
        except BadInput as error:
            said = self.texts.get(one.title, "")
            if str(error) not in said:
                self.texts[one.title] = "; ".join(filter(None, [said, f"left out: {error}"]))
            return None


def describe_exposure(
    record: ImageRecord, folder: Path, group_facts: Mapping[str, FactValue]
) -> Exposure:
    """Return an image as other programs are told of it.

    Args:
        record: All that is known about it.
        folder: The image's folder.
        group_facts: Facts that a person gave for its group.
    """
    person = replace(record.person, facts={**group_facts, **record.person.facts})
    record = replace(record, person=person)
    image, fact = record.image, record.fact
    products = {product: folder / file for run in record.runs.values()
                for product, file in run.products.items()}  # fmt: skip
    products.setdefault(image.root_product, folder / image.root_file)
    there = {product: path for product, path in products.items() if path.is_file()}
    pixel_size = _number(fact("pixel_size"))
    return Exposure(
        id=image.id,
        group=image.group,
        name=image.name,
        optics_group=int(_number(fact("optics_group")) or 1),
        voltage_kv=_number(fact("voltage")),
        cs_mm=_number(fact("cs")),
        amplitude_contrast=_number(fact("amplitude_contrast")),
        pixel_size_angstrom=pixel_size,
        micrograph_pixel_size_angstrom=record.number("micrograph_pixel_size") or pixel_size,
        movie=there.get("movie"),
        micrograph=there.get("micrograph"),
        motion=there.get("motion"),
        particles=there.get("particles"),
        power_spectrum=there.get("power_spectrum"),
        values={name: value for name, value in record.all_values().items() if name in VALUES},
        facts={name: value for name in FACTS if (value := fact(name)) is not None},
    )


def _number(value: FactValue | None) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
