"""Runs: what a script is given and how it speaks to us while it works."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryobatch.errors import ContractError, UnknownNameError
from cryobatch.model.event import Level

Report = Callable[[Mapping[str, Any]], None]
"""Takes one event as JSON's types."""

LEVELS = tuple(level.value for level in Level)


def _report_nothing(event: Mapping[str, Any]) -> None:
    """Stand in where nobody listens."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one script on one image.

    Args:
        workspace: Empty folder of this run.
        inputs: Paths of the declared inputs that are there, by product.
        outputs: Paths to write the declared outputs to, by product.
        reads: The declared facts and values; None for an optional one that is unknown.
        medians: Medians over the group's recent images, for the declared values that have one.
        previous: The declared values of the image recorded before, where it has them.
        threads: Cores that it may use.
        report: Takes progress and messages.
    """

    workspace: Path
    inputs: Mapping[str, Path] = field(default_factory=dict)
    outputs: Mapping[str, Path] = field(default_factory=dict)
    reads: Mapping[str, Any] = field(default_factory=dict)
    medians: Mapping[str, float] = field(default_factory=dict)
    previous: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1
    report: Report = _report_nothing

    def has(self, product: str) -> bool:
        """Tell whether a declared input is there."""
        return product in self.inputs

    def input(self, *products: str) -> Path:
        """Return the path of the first of these products that is there."""
        for product in products:
            if product in self.inputs:
                return self.inputs[product]
        present = ", ".join(self.inputs) or "none"
        raise ContractError(f"none of {', '.join(products)} is among the inputs ({present})")

    def output(self, product: str) -> Path:
        """Return the path to write a declared output to."""
        if product not in self.outputs:
            raise UnknownNameError("output of this script", product, self.outputs)
        path = self.outputs[product]
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def read(self, name: str) -> Any:
        """Return a declared fact or value (Any: number, text or None), None when unknown."""
        if name not in self.reads:
            raise UnknownNameError("declared read of this script", name, self.reads)
        return self.reads[name]

    def median(self, value: str) -> float | None:
        """Return the median of a value over the group's recent images, None if there is none."""
        return self.medians.get(value)

    def before(self, value: str) -> Any:
        """Return a value of the image recorded before in its group (Any: number or text).

        Of the nearest one that has it; None if there is none.
        """
        return self.previous.get(value)

    def progress(self, fraction: float) -> None:
        """Tell how much is done, from 0 to 1."""
        # In this order what is no number counts as nothing.
        self.report({"event": "progress", "fraction": min(1.0, max(0.0, float(fraction)))})

    def message(self, text: str, level: str = "info") -> None:
        """Write a line into the log table; level is "info", "warning" or "error"."""
        if level not in LEVELS:
            raise UnknownNameError("level of a message", level, LEVELS)
        self.report({"event": "message", "text": str(text), "level": level})
