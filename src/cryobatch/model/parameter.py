"""Parameters: the typed, bounded settings of a script."""

from dataclasses import dataclass
from typing import Literal

from cryobatch.errors import ParameterError

ParameterValue = bool | int | float | str | None
ParameterKind = Literal["bool", "int", "float", "str", "file"]

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting of a script.

    A Python script writes ``Annotated[float, Parameter("Å", low=0)] = 30.0``; kind, default and
    whether it may be left out follow from the annotation. An executable's header names them.

    Args:
        unit: Unit as a person reads it, empty for a pure number.
        low: Smallest allowed number, inclusive.
        high: Largest allowed number, inclusive.
        choices: The allowed texts, where only some are.
        help: One sentence that tells what it does.
        kind: "file" is a path whose content counts.
        default: The value that holds when nobody gave another.
        optional: Whether "not set" (None) is allowed.
    """

    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""
    kind: ParameterKind = "float"
    default: ParameterValue = None
    optional: bool = False

    def check(self, value: ParameterValue, where: str) -> ParameterValue:
        """Return the value in the parameter's own type, or raise ParameterError.

        Args:
            value: What somebody gave, from TOML, JSON or Python.
            where: Names the parameter in the error, such as "fit_ctf.resolution_low".
        """
        if value is None:
            if self.optional:
                return None
            raise ParameterError(f"{where} must have a value ({self.describe()})")
        typed = self._typed(value, where)
        if self.choices and typed not in self.choices:
            raise ParameterError(f"{where} = {value!r}: it is one of {', '.join(self.choices)}")
        self._check_bounds(typed, where)
        return typed

    def parse(self, text: str, where: str) -> ParameterValue:
        """Read the value from a command line's text."""
        is_choice = text in self.choices
        if self.optional and not is_choice and text.lower() in {"", "none", "auto"}:
            return None
        try:
            return self.check(self._from_text(text), where)
        except ValueError:
            raise ParameterError(f"{where} = {text!r}: it takes {self.describe()}") from None

    def describe(self) -> str:
        """Tell in words what it takes, such as "a float from 5 to 100 Å"."""
        text = {"bool": "true or false", "int": "a whole number", "float": "a number",
                "str": "a text", "file": "a file's path"}[self.kind]  # fmt: skip
        if self.choices:
            text = "one of " + ", ".join(self.choices)
        if self.low is not None:
            text += f" from {self.low:g}"
        if self.high is not None:
            text += f" to {self.high:g}"
        return text + (f" {self.unit}" if self.unit else "") + (" or none" if self.optional else "")

    def _typed(self, value: ParameterValue, where: str) -> bool | int | float | str:
        kind = self.kind
        if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if kind == "int" and not isinstance(value, bool) and _is_whole(value):
            return int(value)  # type: ignore[arg-type]  # _is_whole has seen that it is a number
        if kind == "bool" and isinstance(value, bool):
            return value
        if kind in {"str", "file"} and isinstance(value, str):
            return value
        raise ParameterError(f"{where} = {value!r}: it takes {self.describe()}")

    def _from_text(self, text: str) -> ParameterValue:
        if self.kind == "float":
            return float(text)
        if self.kind == "int":
            return int(text)
        if self.kind == "bool":
            if text.lower() in _TRUE | _FALSE:
                return text.lower() in _TRUE
            raise ValueError(text)
        return text

    def _check_bounds(self, value: bool | int | float | str, where: str) -> None:
        if isinstance(value, str | bool):
            return
        too_low = self.low is not None and value < self.low
        too_high = self.high is not None and value > self.high
        if too_low or too_high or value != value:
            raise ParameterError(f"{where} = {value:g}: it takes {self.describe()}")


def _is_whole(value: ParameterValue) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
