"""Values: the numbers and texts that scripts calculate."""

import math
from dataclasses import dataclass
from typing import Literal

from cryobatch.errors import ContractError

ValueKind = Literal["float", "int", "text"]


@dataclass(frozen=True, slots=True)
class Absent:
    """A value that could not be had, with the reason: a result, not a failure."""

    reason: str


Result = float | int | str | Absent


@dataclass(frozen=True, slots=True)
class Value:
    """The declaration of one value.

    Args:
        unit: Unit as a person reads it, empty for a pure number.
        low: Smallest number that makes sense, inclusive.
        high: Largest number that makes sense, inclusive.
        optional: Whether it may be absent with a reason.
        kind: "float", "int" or "text".
        help: One sentence that tells what it is.
    """

    unit: str = ""
    low: float | None = None
    high: float | None = None
    optional: bool = False
    kind: ValueKind = "float"
    help: str = ""

    def check(self, result: object, where: str) -> Result:
        """Return the result in the value's own type, or raise ContractError.

        Args:
            result: What the script gave; numpy's scalars are taken as the numbers they are.
            where: Names the value in the error, such as "fit_ctf.defocus_u".
        """
        if isinstance(result, Absent):
            return self._check_absent(result, where)
        if self.kind == "text":
            if isinstance(result, str):
                return result
            raise ContractError(f"{where} should be a text, the script gave {result!r}")
        return self._check_number(result, where)

    def describe(self) -> str:
        """Return what it can be, for a person."""
        if self.kind == "text":
            return "a text"
        number = "a whole number" if self.kind == "int" else "a number"
        low = "" if self.low is None else f" from {self.low:g}"
        high = "" if self.high is None else f" to {self.high:g}"
        return f"{number}{low}{high} {self.unit}".rstrip()

    def _check_absent(self, result: Absent, where: str) -> Absent:
        if not self.optional:
            raise ContractError(f"{where} must have a value, the script gave none: {result.reason}")
        if not result.reason.strip():
            raise ContractError(f"{where} is absent without a reason")
        return result

    def _check_number(self, result: object, where: str) -> float | int:
        try:
            number = float(result)  # type: ignore[arg-type]  # what is no number raises
        except (TypeError, ValueError):
            raise ContractError(f"{where} should be a number, the script gave {result!r}") from None
        if not math.isfinite(number):
            raise ContractError(f"{where} is {number}: a script says why a value is absent")
        below = self.low is not None and number < self.low
        above = self.high is not None and number > self.high
        if below or above:
            raise ContractError(f"{where} = {number:g} {self.unit} is outside {self._range()}")
        return self._check_whole(result, number, where) if self.kind == "int" else number

    def _check_whole(self, result: object, number: float, where: str) -> int:
        if isinstance(result, int):
            return int(result)  # beyond 2^53 its float is another number
        if not number.is_integer():
            raise ContractError(f"{where} should be a whole number, the script gave {number:g}")
        return int(number)

    def _range(self) -> str:
        low = "-inf" if self.low is None else f"{self.low:g}"
        high = "inf" if self.high is None else f"{self.high:g}"
        return f"{low} to {high} {self.unit}".rstrip()
