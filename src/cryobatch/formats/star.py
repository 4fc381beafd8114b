"""Read and write STAR files in RELION's layout (3.1 and later)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import gemmi
import numpy as np
from numpy.typing import NDArray

from cryobatch.errors import BadInput
from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.formats.reading import reading

StarValue = str | int | float
VERSION_LINE = "# version 30001"

_PLAIN = re.compile(r"[A-Za-z0-9/+@.-][!$-&(-~]+\Z").match
_RESERVED = ("data_", "loop_", "save_", "stop_", "global_")


@dataclass(frozen=True, slots=True)
class StarTable:
    """One block of a STAR file.

    Args:
        columns: Values by label, labels without their underscore, such as ``rlnCoordinateX``. All
            columns are equally long. A file that was read gives texts; ask for numbers below.
        is_list: Whether it is a list of labels with one value each, not a loop.
        where: File and block, for errors.
    """

    columns: Mapping[str, Sequence[StarValue]]
    is_list: bool = False
    where: str = "a table in memory"

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __contains__(self, label: str) -> bool:
        return label in self.columns

    def texts(self, label: str) -> list[str]:
        """Return a column as texts."""
        return [str(value) for value in self._column(label)]

    def floats(self, label: str) -> NDArray[np.float64]:
        """Return a column as numbers, ``(rows,) float64``."""
        try:
            return np.array([float(value) for value in self._column(label)], dtype=np.float64)
        except ValueError as error:
            raise BadInput(f"{self.where}: {label} should hold numbers ({error})") from error

    def ints(self, label: str) -> NDArray[np.int64]:
        """Return a column as whole numbers, ``(rows,) int64``."""
        numbers = self.floats(label)
        if not np.array_equal(numbers, np.rint(numbers)):
            raise BadInput(f"{self.where}: {label} should hold whole numbers")
        return numbers.astype(np.int64)

    def text(self, label: str) -> str:
        """Return the one value of a label as text."""
        self._require_one(label)
        return self.texts(label)[0]

    def number(self, label: str) -> float:
        """Return the one value of a label as a number."""
        self._require_one(label)
        return float(self.floats(label)[0])

    def _column(self, label: str) -> Sequence[StarValue]:
        if label not in self.columns:
            known = ", ".join(self.columns) or "none"
            raise BadInput(f"{self.where}: has no column {label}; it has {known}")
        return self.columns[label]

    def _require_one(self, label: str) -> None:
        if len(self._column(label)) != 1:
            raise BadInput(f"{self.where}: {label} has {len(self)} values where one is expected")


def star_list(**values: StarValue) -> StarTable:
    """Return a block that lists labels with one value each."""
    return StarTable({label: (value,) for label, value in values.items()}, is_list=True)


def read_star(path: Path) -> dict[str, StarTable]:
    """Read a STAR file.

    Returns:
        Its blocks by name, names without ``data_``.

    Raises:
        BadInput: It cannot be read or is no STAR file.
    """
    with reading(path):
        data = path.read_bytes()
    try:
        document = gemmi.cif.read_string(data.decode("utf-8"))
    except (ValueError, RuntimeError) as error:
        raise BadInput(f"{path}: no STAR file ({error}); make it again") from error
    return {block.name: _read_block(block, f"{path}: block {block.name!r}") for block in document}


def write_star(path: Path, blocks: Mapping[str, StarTable], *, fsync: bool = False) -> None:
    """Write a STAR file, which appears whole or not at all.

    Args:
        path: The file.
        blocks: Its blocks by name, names without ``data_``.
        fsync: Wait until it is on the disk.
    """
    write_bytes_durably(path, format_star(blocks).encode("utf-8"), fsync=fsync)


def format_star(blocks: Mapping[str, StarTable]) -> str:
    """Return the text of a STAR file."""
    return "\n".join(
        f"{VERSION_LINE}\n\ndata_{name}\n\n{''.join(_format_block(name, table))}"
        for name, table in blocks.items()
    )


def format_head(name: str, labels: Iterable[str]) -> str:
    """Return the text before the rows of a block that is written piece by piece."""
    return f"{VERSION_LINE}\n\ndata_{name}\n\n{_format_labels(labels)}"


def format_rows(table: StarTable) -> str:
    """Return the rows of a loop without its labels."""
    rows = zip(*table.columns.values(), strict=True)
    return "".join("\t".join(map(_format_value, row)) + "\n" for row in rows)


def _read_block(block: gemmi.cif.Block, where: str) -> StarTable:
    # gemmi's stubs say no more of a pair than that it is an object.
    pairs = [cast("list[str]", item.pair) for item in block if item.pair is not None]
    loops = [item.loop for item in block if item.loop is not None]
    if len(loops) > 1 or (loops and pairs):
        raise BadInput(f"{where} holds more than one table; write one table a block")
    columns: dict[str, tuple[str, ...]]
    if not loops:
        columns = {_label(tag): (gemmi.cif.as_string(value),) for tag, value in pairs}
        return StarTable(columns, is_list=bool(pairs), where=where)
    loop, width = loops[0], len(loops[0].tags)
    values = [gemmi.cif.as_string(value) for value in loop.values]
    columns = {_label(tag): tuple(values[place::width]) for place, tag in enumerate(loop.tags)}
    return StarTable(columns, where=where)


def _label(tag: str) -> str:
    return tag.removeprefix("_")


def _format_block(name: str, table: StarTable) -> Iterator[str]:
    lengths = {len(values) for values in table.columns.values()}
    if not table.columns or len(lengths) != 1 or (table.is_list and lengths != {1}):
        raise ValueError(f"block {name!r}: columns of unequal length, or none")
    if table.is_list:
        width = max(map(len, table.columns)) + 1
        for label, (value,) in table.columns.items():
            yield f"_{label:<{width}} {_format_value(value)}\n"
        return
    yield _format_labels(table.columns)
    yield format_rows(table)


def _format_labels(labels: Iterable[str]) -> str:
    lines = (f"_{label} #{number}\n" for number, label in enumerate(labels, start=1))
    return "".join(["loop_\n", *lines])


def _format_value(value: StarValue) -> str:
    """Write one value as RELION's reader takes it: on one line, quoted where it must be."""
    if isinstance(value, float):
        return repr(float(value))
    if not isinstance(value, str):
        return str(value)
    if _PLAIN(value) and not value.lower().startswith(_RESERVED):
        return value
    quoted = gemmi.cif.quote(value)
    if "\n" not in quoted and "\r" not in value:
        return quoted
    # A quote ends a text only where a blank follows: one with both kinds may still fit in a line.
    fitting = [mark for mark in "'\"" if not re.search(rf"{mark}[ \t]|[\r\n]", value)]
    if not fitting:
        raise BadInput(
            f"{value!r} cannot stand in one line of a STAR file; give the file that is called so "
            "a name without line breaks and quotes"
        )
    return f"{fitting[0]}{value}{fitting[0]}"
