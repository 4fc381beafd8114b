"""Exports of a project's images: which, from where, and where to."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path

from cryobatch import __version__
from cryobatch.errors import CryobatchError, UsageError
from cryobatch.export.bundle import MANIFEST, Bundle, Links, write_bundle
from cryobatch.export.cryosparc import bundle_for_cryosparc
from cryobatch.export.exposure import Exposure, describe_exposure
from cryobatch.export.relion import bundle_for_relion
from cryobatch.export.tables import TableFormat, format_pieces
from cryobatch.formats import group_file
from cryobatch.model.image import FactValue
from cryobatch.processing.image_folder import read_record
from cryobatch.project.images import Images
from cryobatch.project.place import ProjectPlace
from cryobatch.project.progress import Done, tell_nobody
from cryobatch.project.selection import Selection
from cryobatch.store import library

FOLDER = "exports"
TABLE = "images"
"""Name of a table's file in an export, before its ending."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_TOLD_EVERY = 100
_READ_AT_ONCE = 5000
_USUAL = ("id", "name", "group", "state", "flag", "comment", "recorded_at")


class ExportKind(StrEnum):
    """What an export is for."""

    RELION = "relion"
    CRYOSPARC = "cryosparc"
    TABLE = "table"


_BUNDLES: Mapping[ExportKind, Callable[[Sequence[Exposure]], Bundle]] = {
    ExportKind.RELION: bundle_for_relion,
    ExportKind.CRYOSPARC: bundle_for_cryosparc,
}


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What became of an export.

    Args:
        folder: Where it is.
        images: How many images it tells of.
        left_out: Why others are not in it, by group and name.
        lacks: What it does not tell of images that are in it, by group and name.
    """

    folder: Path
    images: int
    left_out: Mapping[str, str]
    lacks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Exporter:
    """Writes exports.

    Args:
        images: The project's images.
        place: Where the project is.
    """

    images: Images
    place: ProjectPlace

    def folder(self, name: str) -> Path:
        """Return the folder of an export by its name, below the project.

        Raises:
            UsageError: It is no plain name.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r}: name an export by letters, digits, '.', '_' and '-'")
        return self.place.folder / FOLDER / name

    def write(
        self,
        kind: ExportKind,
        selection: Selection,
        folder: Path,
        *,
        links: Links = Links.RELATIVE,
        replace: bool = False,
        done: Done = tell_nobody,
    ) -> ExportReport:
        """Write images for another program.

        Args:
            kind: For RELION or cryoSPARC.
            selection: Which images.
            folder: Where to; it must not be there, unless it is an earlier export and ``replace``.
            links: How micrographs and movies are linked to.
            replace: Whether an earlier export may be replaced.
            done: Is told of the progress.

        Raises:
            UsageError: No image can be told of; the text says why not.
        """
        ids = self.images.select(selection)
        exposures, problems = self._gather(ids, done)
        bundle = _BUNDLES[kind](exposures)
        left_out = {**bundle.left_out, **problems}
        if not bundle.images:
            reason = next(iter(left_out.values()), "the selection is empty")
            raise UsageError(f"nothing to export: {reason}")
        bundle = Bundle(bundle.files, bundle.links, bundle.images, left_out, bundle.lacks)
        about = {**self._about(kind), "links": links.value}
        write_bundle(
            folder, bundle, about, links, replace=replace, step=lambda: done(len(ids), len(ids))
        )
        return ExportReport(folder, bundle.images, left_out, bundle.lacks)

    def write_table(
        self,
        kind: TableFormat,
        selection: Selection,
        folder: Path,
        *,
        columns: Sequence[str] = (),
        replace: bool = False,
        done: Done = tell_nobody,
    ) -> ExportReport:
        """Write images and their values as a table into an export's folder."""
        pieces, count = self._table(kind, selection, columns, done)
        bundle = Bundle([(f"{TABLE}.{kind.value}", map(str.encode, pieces))], {}, count)
        write_bundle(
            folder, bundle, self._about(ExportKind.TABLE), Links.RELATIVE, replace=replace,
            step=lambda: done(count, count),
        )  # fmt: skip
        return ExportReport(folder, count, {}, {})

    def table(
        self, kind: TableFormat, selection: Selection, columns: Sequence[str] = ()
    ) -> tuple[str, int]:
        """Return images and their values as a table, and how many images there are.

        Args:
            kind: CSV, TSV or JSON.
            selection: Which images.
            columns: In their order; none: the usual ones, and all values that some image has.
        """
        pieces, count = self._table(kind, selection, columns, tell_nobody)
        return "".join(pieces), count

    def _table(
        self, kind: TableFormat, selection: Selection, columns: Sequence[str], done: Done
    ) -> tuple[Iterator[str], int]:
        wanted = tuple(columns) or _USUAL
        ids = sorted(self.images.select(selection))
        rows: list[dict[str, object]] = []
        for start in range(0, len(ids), _READ_AT_ONCE):
            some = ids[start : start + _READ_AT_ONCE]
            rows += self.images.rows(ids=some, columns=wanted)
            done(start + len(some), len(ids))
        names = list(columns) or [*_USUAL, *_filled(rows)]
        return format_pieces(rows, names, kind), len(rows)

    def listing(self) -> list[dict[str, object]]:
        """Return the exports below the project, newest first: name, kind, time, images."""
        found = []
        for path in (self.place.folder / FOLDER).glob(f"*/{MANIFEST}"):
            try:
                about = json.loads(path.read_bytes())
            except (OSError, ValueError):
                continue  # somebody is at work there, or has been
            keys = ("kind", "exported_at", "images")
            found.append({"name": path.parent.name, **{key: about.get(key) for key in keys}})
        return sorted(found, key=lambda one: str(one["exported_at"]), reverse=True)

    def _about(self, kind: ExportKind) -> dict[str, object]:
        return {
            "kind": kind.value,
            "project": str(self.place.folder),
            "exported_at": datetime.now(UTC).isoformat("T", "seconds"),
            "cryobatch": __version__,
        }

    def _gather(self, ids: Sequence[int], done: Done) -> tuple[list[Exposure], dict[str, str]]:
        @cache
        def facts_of(group: Path) -> Mapping[str, FactValue]:
            return group_file.read(group / group_file.FILE_NAME).acquisition

        exposures: list[Exposure] = []
        problems: dict[str, str] = {}
        with self.images.database.reading() as r:
            places = library.places(r, ids)
        for number, image_id in enumerate(ids, start=1):
            folder = self.place.image_folder(*places[image_id])
            try:
                record = read_record(folder)
                exposures.append(describe_exposure(record, folder, facts_of(folder.parent)))
            except CryobatchError as error:
                problems[f"{folder.parent.name}/{folder.name}"] = str(error)
            if number % _TOLD_EVERY == 0 or number == len(ids):
                done(number, len(ids))
        return exposures, problems


def _filled(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the values that some image has, of all that were asked for."""
    names = dict.fromkeys(name for row in rows[:1] for name in row)
    return [
        name for name in names
        if name not in _USUAL and any(row.get(name) not in (None, []) for row in rows)
    ]  # fmt: skip
