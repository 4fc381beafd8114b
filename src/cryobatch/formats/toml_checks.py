"""Read our own TOML files strictly: an unknown key or a wrong type is an error that says where."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import rtoml

from cryobatch.errors import SettingsError, UnknownNameError, UsageError
from cryobatch.formats.toml_text import Table
from cryobatch.model.facts import check_fact
from cryobatch.model.image import FactValue

Record = TypeVar("Record")
_NUMBERS = (int, float)
_RESULTS = (int, float, str)  # true and false are whole numbers too


def parse_file(path: Path | str) -> Table:
    """Parse a TOML file of ours."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a text path is quicker
            text = file.readall().decode("utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not text in UTF-8: {error}") from error
    return parse_toml(text, str(path))


def parse_toml(text: str, where: str) -> Table:
    """Parse TOML text; ``where`` names it in errors."""
    try:
        return rtoml.loads(text)  # a tenth of the time of the standard library's
    except rtoml.TomlParsingError as error:
        raise SettingsError(f"{where}: is not TOML: {error}; correct it by hand") from error


@dataclass(slots=True)  # frozen it would take three times as long to make, a dozen times a file
class Checked:
    """One table of a file, and its place for errors.

    Args:
        where: The file.
        heading: The table's heading, empty at the top.
        data: What it holds.
    """

    where: str
    heading: str
    data: Table

    def place(self, key: str) -> str:
        """Name a key with file and table."""
        return f"{self.where}: {self.heading}.{key}" if self.heading else f"{self.where}: {key}"

    def only(self, known: Set[str]) -> None:
        """Refuse keys that nobody knows."""
        if self.data.keys() <= known:
            return
        for key in self.data:
            if key not in known:
                unknown = UnknownNameError(f"setting in [{self.heading}]", key, known)
                raise SettingsError(f"{self.where}: {unknown}")

    def table(self, key: str, *, required: bool = True) -> "Checked":
        """Return an inner table; without it an empty one where it is not required."""
        found = self.data.get(key)
        if found is None and not required:
            found = {}
        if not isinstance(found, dict):
            raise SettingsError(f"{self.place(key)} should be a table")
        return Checked(self.where, f"{self.heading}.{key}" if self.heading else key, found)

    def each(self, load: Callable[["Checked"], Record]) -> dict[str, Record]:
        """Load every inner table."""
        return {key: load(self.table(key)) for key in self.data}

    def text(self, key: str) -> str:
        """Return a text."""
        found = self.data.get(key)
        if not isinstance(found, str):
            raise SettingsError(f"{self.place(key)} should be a text")
        return found

    def optional_text(self, key: str) -> str | None:
        """Return a text, None where there is none."""
        return self.text(key) if key in self.data else None

    def whole(self, key: str) -> int:
        """Return a whole number."""
        found = self.data.get(key)
        if not isinstance(found, int) or isinstance(found, bool):
            raise SettingsError(f"{self.place(key)} should be a whole number")
        return found

    def number(self, key: str) -> float:
        """Return a number."""
        found = self.data.get(key)
        if not isinstance(found, _NUMBERS) or isinstance(found, bool):
            raise SettingsError(f"{self.place(key)} should be a number")
        return float(found)

    def result(self, key: str) -> float | int | str:
        """Return a number or text, in its own type."""
        found = self.data[key]
        if not isinstance(found, _RESULTS) or isinstance(found, bool):
            raise SettingsError(f"{self.place(key)} should be a number or a text")
        return found

    def scalar(self, key: str) -> bool | int | float | str:
        """Return a number, a text, or true or false."""
        found = self.data[key]
        if not isinstance(found, _RESULTS):
            raise SettingsError(f"{self.place(key)} should be a number, a text, true or false")
        return found

    def fact(self, name: str, value: Any) -> FactValue:
        """Return an acquisition fact's value in its own type."""
        try:
            return check_fact(name, value)
        except UsageError as error:
            raise SettingsError(f"{self.place(name)}: {error}") from error

    def all_texts(self) -> Mapping[str, str]:
        """Return a table that holds texts only."""
        return {key: self.text(key) for key in self.data}

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        found = self.data.get(key)
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise SettingsError(f"{self.place(key)} should be a list of texts")
        return tuple(found)
