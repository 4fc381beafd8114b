"""Read the mdoc files that SerialEM writes beside frames and tilt series.

Format: IMOD's autodoc, as SerialEM's help describes it ("File Formats", image metadata files):
``key = value`` lines, globals first, then sections that begin with ``[ZValue = n]`` or
``[FrameSet = n]``; title lines ``T = ...``, with or without brackets.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PureWindowsPath

from cryobatch.errors import BadInput
from cryobatch.formats.reading import read_small

MOST_BYTES = 64 << 20
_SECTION = re.compile(r"\[\s*(?P<kind>\w+)\s*=\s*(?P<name>.*?)\s*\]\Z")
_DATE = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4}|\d{2})\s+(\d{1,2}):(\d{2}):(\d{2})\Z")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Items:
    """Keys with their texts, in the file's order; what we do not know is kept like the rest.

    Args:
        texts: Values by key, as they stand in the file.
    """

    texts: Mapping[str, str] = field(default_factory=dict)

    def text(self, key: str) -> str | None:
        """Return a value, whatever the case of its key, None where it is not there or empty."""
        found = self.texts.get(key)
        if found is None:
            small = key.lower()
            found = next((v for k, v in self.texts.items() if k.lower() == small), None)
        return found or None

    def numbers(self, key: str) -> tuple[float, ...]:
        """Return the numbers of a value; none when it holds anything else."""
        try:
            found = tuple(float(word) for word in (self.text(key) or "").split())
        except ValueError:
            return ()
        # Infinity and what is no number are nobody's measurement.
        return found if all(abs(number) < 1e300 for number in found) else ()

    def number(self, key: str) -> float | None:
        """Return a value that is one number, else None."""
        found = self.numbers(key)
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class Section:
    """One section of an mdoc.

    Args:
        kind: Such as "ZValue" (one image of a stack) or "FrameSet" (one movie).
        name: What stands behind it, usually a number.
        items: Its keys.
    """

    kind: str
    name: str
    items: Items

    @property
    def frames_name(self) -> str | None:
        """Return the file name of the movie, from its path on the microscope's computer."""
        path = self.items.text("SubFramePath")
        return PureWindowsPath(path).name or None if path is not None else None

    @property
    def recorded_at(self) -> datetime | None:
        """Return when it was recorded, by the microscope's clock."""
        return parse_date(self.items.text("DateTime") or "")


@dataclass(frozen=True, slots=True)
class Mdoc:
    """What an mdoc file holds.

    Args:
        shared: Keys that hold for the whole file.
        titles: Its title lines, the first of which names the microscope.
        sections: Its sections, in the file's order.
    """

    shared: Items
    titles: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def frame_sets(self) -> tuple[Section, ...]:
        """Return the sections that describe a movie each."""
        return tuple(section for section in self.sections if section.kind == "FrameSet")

    @property
    def views(self) -> tuple[Section, ...]:
        """Return the images of a series that have a movie each; none in a mdoc of frames."""
        if self.frame_sets:
            return ()
        return tuple(s for s in self.sections if s.kind == "ZValue" and s.frames_name is not None)


def read_mdoc(path: Path) -> Mdoc:
    """Read an mdoc file.

    Raises:
        BadInput: It cannot be read, or is none.
    """
    return parse_mdoc(read_small(path, MOST_BYTES).decode("utf-8", "replace"), str(path))


def parse_mdoc(text: str, where: str) -> Mdoc:
    """Return what the text of an mdoc says; ``where`` names it in errors.

    Raises:
        BadInput: It has no section, and so is no mdoc, or not yet.
    """
    shared: dict[str, str] = {}
    titles: list[str] = []
    sections: list[tuple[str, str, dict[str, str]]] = []
    for line in map(str.strip, text.splitlines()):
        header = _SECTION.match(line)
        if header is not None and header["kind"] != "T":
            sections.append((header["kind"], header["name"], {}))
            continue
        bare = line[1:].rstrip("]") if line.startswith("[") else line
        key, equals, value = bare.partition("=")
        if key.strip() == "T" and equals:
            titles.append(value.strip())
        elif equals and key.strip():
            items = sections[-1][2] if sections else shared
            items[key.strip()] = value.strip()
    if not sections:
        raise BadInput(f"{where}: is no mdoc of SerialEM's, it has no section; copy it again")
    made = tuple(Section(kind, name, Items(items)) for kind, name, items in sections)
    return Mdoc(Items(shared), tuple(titles), made)


def parse_date(text: str) -> datetime | None:
    """Return SerialEM's date and time, the year of 2 or 4 digits; None for anything else.

    >>> parse_date("08-Oct-21  07:39:08").isoformat()
    '2021-10-08T07:39:08'
    """
    match = _DATE.match(text.strip())
    if match is None or match[2].lower() not in _MONTHS:
        return None
    year = int(match[3]) + (2000 if len(match[3]) == 2 else 0)
    month = _MONTHS.index(match[2].lower()) + 1
    try:
        return datetime(year, month, int(match[1]), int(match[4]), int(match[5]), int(match[6]))
    except ValueError:
        return None
