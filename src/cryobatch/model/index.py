"""Index entries: what the library's tables repeat of an image's parameter file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cryobatch.model.image import ImageRecord
from cryobatch.model.value import Absent

PICTURES = frozenset({"micrograph", "micrograph_thumbnail"})
"""Products that an image is shown by."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What can be shown, sorted and filtered of an image.

    Args:
        values: Every value under its name, None where it is absent.
        absences: The reasons of the absent ones.
        flag: A person's flag, else the quality that was calculated.
        comment: A person's words.
        trashed: Whether it is put aside.
        stale: Scripts whose results are not what they would be now.
        pictured_at: When the run began that made its picture, ISO 8601; None where none did.
    """

    values: Mapping[str, float | int | str | None]
    absences: Mapping[str, str]
    flag: str | None
    comment: str
    trashed: bool
    stale: tuple[str, ...]
    pictured_at: str | None = None


def index_entry(record: ImageRecord, stale: Sequence[str]) -> IndexEntry:
    """Return what the library repeats of a record."""
    values = record.all_values()
    return IndexEntry(
        values={n: None if isinstance(v, Absent) else v for n, v in values.items()},
        absences={n: v.reason for n, v in values.items() if isinstance(v, Absent)},
        flag=record.flag(),
        comment=record.person.comment,
        trashed=record.person.trashed,
        stale=tuple(stale),
        pictured_at=max(_pictured(record), default=None),
    )


def _pictured(record: ImageRecord) -> Iterator[str]:
    for run in record.runs.values():
        if not PICTURES.isdisjoint(run.products):
            yield run.started_at
