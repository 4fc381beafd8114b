"""What is known about the latest recordings, where each fact came from, and what is doubtful."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryobatch.errors import CryobatchError
from cryobatch.importing.doubts.disagreement import source_kind
from cryobatch.model.facts import FACTS
from cryobatch.model.image import FactValue, ImageRecord
from cryobatch.project.guards import LASTING, LASTING_WORDS
from cryobatch.project.import_guard import DOUBTS
from cryobatch.project.project import Project
from cryobatch.project.scrutiny import DISAGREEMENTS
from cryobatch.store.settings import get_setting

LATEST = 60
"""Images whose parameter files are read: a tenth of a second."""
PERSON = "a person"
_NAMED_FILE = re.compile(r"(EPU XML|mdoc|metadata) [^)]+(?=\))")
"""A file within the source of what was calculated: each image has its own."""


@dataclass(frozen=True, slots=True)
class RecentFact:
    """One fact of the latest images.

    Args:
        name: Its name.
        values: How often each value is there, the most frequent first.
        sources: How often each kind of source is, the most frequent first.
        example: The whole name of a source.
        images: How many images have it.
    """

    name: str
    values: Mapping[FactValue, int]
    sources: Mapping[str, int]
    example: str
    images: int


@dataclass(frozen=True, slots=True)
class RecentFacts:
    """What is known about the latest images.

    Args:
        images: How many were looked at.
        facts: Facts in the order in which they are declared.
        disagreements: Sources that say different things: in words, and where that was met first.
        alarms: What the session's guard says is wrong now, with the suspects.
        doubts: Doubts that stand on these images, with their number.
    """

    images: int
    facts: Sequence[RecentFact]
    disagreements: Sequence[Mapping[str, str]]
    alarms: Sequence[str]
    doubts: Mapping[str, int]


def find_recent_facts(project: Project) -> RecentFacts:
    """Return what is known about the latest images of a project."""
    records = list(_read_latest(project))
    with project.database.reading() as r:
        disagreements = get_setting(r, DISAGREEMENTS, {})
        words, kinds = get_setting(r, LASTING_WORDS, {}), get_setting(r, LASTING, [])
    doubts = Counter(str(text) for one in records if (text := one.fact(DOUBTS)))
    names = {name for one in records for name in (*one.acquisition, *one.person.facts)}
    return RecentFacts(
        images=len(records),
        facts=[_gather(name, records) for name in FACTS if name in names and name != DOUBTS],
        disagreements=list(disagreements.values()),
        alarms=[words[kind] for kind in kinds if kind in words],
        doubts={text: number for text, number in doubts.most_common() if text != "none"},
    )


def _read_latest(project: Project) -> Iterable[ImageRecord]:
    for row in project.images.rows(sort="id", descending=True, limit=LATEST):
        try:
            yield project.images.record(int(str(row["id"])))
        except CryobatchError:
            continue  # the doctor tells of files that cannot be read


def _gather(name: str, records: Sequence[ImageRecord]) -> RecentFact:
    values: Counter[FactValue] = Counter()
    sources: Counter[str] = Counter()
    example = ""
    for record in records:
        value, fact = record.fact(name), record.acquisition.get(name)
        if value is None:
            continue
        source = PERSON if name in record.person.facts or fact is None else fact.source
        values[value] += 1
        sources[shorten_source(source)] += 1
        example = example or source
    return RecentFact(
        name, dict(values.most_common()), dict(sources.most_common()), example, values.total()
    )


def shorten_source(source: str) -> str:
    """Return a fact's source without the names of files.

    >>> shorten_source("total_dose (EPU XML FoilHole_1.xml) / 16 frames")
    'total_dose (EPU XML) / 16 frames'
    """
    return _NAMED_FILE.sub(r"\1", source_kind(source))
