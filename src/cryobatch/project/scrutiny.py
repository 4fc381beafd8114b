"""Scrutiny: new recordings beside their neighbours, and their sources beside each other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryobatch.importing import Recording
from cryobatch.importing.doubts.disagreement import Disagreement, find_disagreements
from cryobatch.importing.doubts.neighbours import expect_frames
from cryobatch.importing.facts import exposed_frames
from cryobatch.model.image import Fact
from cryobatch.store.database import Database
from cryobatch.store.neighbours import recent_frames
from cryobatch.store.settings import get_setting, put_setting

TOLD = "told_disagreements"
DISAGREEMENTS = "disagreements"
"""Names, in the database, every kind of disagreement in words, with where it was met first."""


@dataclass(frozen=True, slots=True)
class Scrutiny:
    """Looks at new recordings before they are registered.

    Args:
        database: The project's library, which knows their neighbours and what was told before.
    """

    database: Database

    def compare_frames(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Return recordings that know, with a remark, where they have fewer frames than usual."""
        groups = {item.group for item in recordings if item.root_product == "movie"}
        with self.database.reading() as r:
            known = {group: recent_frames(r, group) for group in groups}
        for item in recordings:
            if item.root_product == "movie":
                known[item.group].append(item.frames)
        return [expect_frames(item, known.get(item.group, ())) for item in recordings]

    def find_remarks(
        self,
        recordings: Sequence[Recording],
        layers: Mapping[str, Sequence[Mapping[str, Fact]]],
        *,
        once: bool,
    ) -> list[str]:
        """Return what a person should know of recordings, in words.

        Args:
            recordings: They are about to be images.
            layers: Their facts by source id, the surest source first.
            once: Whether a kind of disagreement that this project has told of is not told again.
        """
        found: list[tuple[str, Disagreement]] = []
        for item in recordings:
            frames = exposed_frames(item.facts, item.frames)
            between = find_disagreements(layers[item.source_id], frames)
            several = {one.name: one for one in (*item.disagreements, *between)}
            found += [(item.path.name, one) for one in several.values()]
        said = [(item.path.name, text) for item in recordings for text in _texts(item)]
        return [*_fold(said), *self._tell(found, once=once)]

    def _tell(self, found: Sequence[tuple[str, Disagreement]], *, once: bool) -> list[str]:
        if not found:
            return []
        with self.database.reading() as r:
            told = set(get_setting(r, TOLD, [])) if once else set()
        fresh = [(name, item) for name, item in found if item.kind not in told]
        kinds = {item.kind for _, item in fresh}
        self._remember(found)
        if once and kinds:
            with self.database.transaction() as t:
                put_setting(t, TOLD, sorted({*get_setting(t, TOLD, []), *kinds}))
        by_kind = {kind: [pair for pair in fresh if pair[1].kind == kind] for kind in sorted(kinds)}
        return [
            f"{_name([name for name, _ in pairs])}: {pairs[0][1].describe()}; correct the wrong one"
            for pairs in by_kind.values()
        ]

    def _remember(self, found: Sequence[tuple[str, Disagreement]]) -> None:
        """Keep each kind in words, for who looks at the facts later."""
        with self.database.reading() as r:
            known = get_setting(r, DISAGREEMENTS, {})
        met = {item.kind: {"first": name, "text": item.describe()} for name, item in found[::-1]}
        if met.keys() - known.keys():
            with self.database.transaction() as t:
                put_setting(t, DISAGREEMENTS, {**met, **get_setting(t, DISAGREEMENTS, {})})


def _texts(recording: Recording) -> list[str]:
    lacks = f"{recording.lacks}: what it says is unknown" if recording.lacks else ""
    return [*recording.remarks, *([lacks] if lacks and not recording.remarks else [])]


def _fold(said: Iterable[tuple[str, str]]) -> list[str]:
    """Return each text once, with the first recording that it was said of."""
    names: dict[str, list[str]] = {}
    for name, text in said:
        names.setdefault(text, []).append(name)
    return [f"{_name(several)}: {text}" for text, several in names.items()]


def _name(names: Sequence[str]) -> str:
    others = len(names) - 1
    if not others:
        return names[0]
    return f"{names[0]} and {others} other{'s' if others > 1 else ''}"
