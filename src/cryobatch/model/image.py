"""Images: one recorded exposure and all that is known about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cryobatch.model.parameter import ParameterValue
from cryobatch.model.value import Result

FactValue = bool | int | float | str
FLAGS = ("green", "amber", "red")


@dataclass(frozen=True, slots=True)
class Fact:
    """Something known about the recording, with where it came from."""

    value: FactValue
    source: str


def are_doubts(words: FactValue | None) -> bool:
    """Tell whether a fact ``doubts`` says any: a person dispels them by "none"."""
    return words not in (None, "", "none")


@dataclass(frozen=True, slots=True)
class ImageIdentity:
    """What an image is.

    Args:
        id: Number in the library, kept for ever.
        name: The recording's file name without extension, made file-safe; unique in its group.
        group: Name of its group.
        root_product: "movie", or "micrograph" for a single 2-D frame.
        root_file: Path of the recording: below the image's folder, or absolute when linked to.
        source: Path that it was imported from.
        source_id: Identity of the recording (see ``importing``): the same one is one image.
        rows: Height in pixels.
        columns: Width in pixels.
        frames: Number of frames, 1 for a micrograph.
        recorded_at: When it was recorded, ISO 8601, if known.
        imported_at: When it was imported, ISO 8601.
        root_fingerprint: Fingerprint of the recording when it was taken.
        brought_back: Fingerprint of the file of the same content that took its place later.
    """

    id: int
    name: str
    group: str
    root_product: str
    root_file: str
    source: str
    source_id: str
    rows: int
    columns: int
    frames: int
    imported_at: str
    recorded_at: str | None = None
    root_fingerprint: str | None = None
    brought_back: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """What a person said about an image.

    Args:
        flag: "green", "amber", "red" or None.
        comment: Free text.
        trashed: Whether it is put aside.
        locks: Values that no script overwrites.
        facts: Acquisition facts that a person corrected.
    """

    flag: str | None = None
    comment: str = ""
    trashed: bool = False
    locks: Mapping[str, float | int | str] = field(default_factory=dict)
    facts: Mapping[str, FactValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The record of a script's last successful run on an image.

    Args:
        version: The script's version.
        fingerprint: Of all that the result depends on.
        parameters: The values that it ran with.
        tools: Versions of what it was made with.
        host: Machine.
        processor: Processor on that machine.
        batch: Id of the batch.
        started_at: ISO 8601.
        seconds: How long it took.
        memory_bytes: Largest resident size of its processor.
        products: File below the image's folder, by product (no transient ones).
        inputs: Scripts that made or transformed each product that was read, by it or by what made
            its transient inputs, in their order; none for the root product.
        given: Parameters, by script, that were given for its batch.
    """

    version: str
    fingerprint: str
    parameters: Mapping[str, ParameterValue]
    tools: Mapping[str, str]
    host: str
    processor: str
    batch: int
    started_at: str
    seconds: float
    memory_bytes: int
    products: Mapping[str, str]
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    given: Mapping[str, Mapping[str, ParameterValue]] = field(default_factory=dict)

    @property
    def made(self) -> frozenset[str]:
        """Products that it made, without those that it only transformed."""
        return frozenset(product for product in self.products if product not in self.inputs)


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """All that an image's parameter file holds.

    Args:
        image: What it is.
        acquisition: Facts by name, as imported.
        person: What a person said.
        parameters: Parameters set for this image, by script.
        values: Calculated values, by script and name.
        runs: Last runs, by script.
    """

    image: ImageIdentity
    acquisition: Mapping[str, Fact] = field(default_factory=dict)
    person: Person = field(default_factory=Person)
    parameters: Mapping[str, Mapping[str, ParameterValue]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Result]] = field(default_factory=dict)
    runs: Mapping[str, RunRecord] = field(default_factory=dict)

    def fact(self, name: str) -> FactValue | None:
        """Return an acquisition fact, a person's correction first, None when unknown."""
        if name in self.person.facts:
            return self.person.facts[name]
        found = self.acquisition.get(name)
        return None if found is None else found.value

    def all_values(self) -> dict[str, Result]:
        """Return every value under its name, locked ones as the person locked them."""
        found: dict[str, Result] = {}
        for values in self.values.values():
            found.update(values)
        found.update(self.person.locks)
        return found

    def number(self, name: str) -> float | None:
        """Return a value that is a number, None when it is absent, a text or unknown."""
        found = self.all_values().get(name)
        return float(found) if isinstance(found, int | float) else None

    def flag(self) -> str | None:
        """Return a person's flag, else the quality that was calculated, at best amber in doubt."""
        if self.person.flag is not None:
            return self.person.flag
        quality = self.all_values().get("quality")
        if are_doubts(self.fact("doubts")) and quality != "red":
            return "amber"
        return quality if quality in FLAGS else None

    def with_run(self, script: str, run: RunRecord, values: Mapping[str, Result]) -> "ImageRecord":
        """Return the record after a run of a script.

        Runs of other scripts that made one of its products, files or values are replaced by it:
        of each there is one truth.
        """
        replaced = self.replaced_by(script, run, values)
        return replace(
            self,
            runs={**{n: r for n, r in self.runs.items() if n not in replaced}, script: run},
            values={
                **{n: v for n, v in self.values.items() if n not in replaced},
                script: dict(values),
            },
        )

    def replaced_by(
        self, script: str, run: RunRecord, values: Mapping[str, Result]
    ) -> tuple[str, ...]:
        """Return the other scripts whose runs a new run takes the place of."""
        return tuple(
            name
            for name, other in self.runs.items()
            if name != script
            and (
                not values.keys().isdisjoint(self.values.get(name, ()))
                or not other.made.isdisjoint(run.made)
                or not set(other.products.values()).isdisjoint(run.products.values())
            )
        )

    def files(self) -> frozenset[str]:
        """Return the files, below the image's folder, of all its products."""
        return frozenset(file for run in self.runs.values() for file in run.products.values())
