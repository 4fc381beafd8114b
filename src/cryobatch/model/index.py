"""Index entries: what the library's tables repeat of an image's parameter file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryobatch.model.image import ImageRecord
from cryobatch.model.value import Absent


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
    """

    values: Mapping[str, float | int | str | None]
    absences: Mapping[str, str]
    flag: str | None
    comment: str
    trashed: bool
    stale: tuple[str, ...]


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
    )
