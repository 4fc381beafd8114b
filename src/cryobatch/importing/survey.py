"""Survey a folder before anybody watches it: what lies in it, within seconds."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryobatch.formats.movie import recording_kind
from cryobatch.importing.layouts.layout import choose_recordings
from cryobatch.importing.watching.patterns import Patterns
from cryobatch.importing.watching.settle import Look
from cryobatch.importing.watching.tree import Tree

LONGEST_S = 2.0
MOST_FILES = 20_000
"""Whoever asks waits for the answer: of a larger folder only the beginning is looked at."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a folder holds.

    Args:
        folder: The folder.
        recordings: Recordings that are wanted, absolute, in the order of their paths.
        sizes: Their sizes, bytes.
        metadata: XML and mdoc files, absolute.
        unwanted: Recordings that the patterns leave out, or that belong to others (EPU's images of
            squares, gain references).
        whole: Whether all of the folder was looked at.
        troubles: Folders that cannot be read, with the reason.
    """

    folder: Path
    recordings: Sequence[Path] = ()
    sizes: Sequence[int] = ()
    metadata: Sequence[Path] = ()
    unwanted: int = 0
    whole: bool = True
    troubles: Mapping[str, str] = field(default_factory=dict)

    def kinds(self) -> dict[str, int]:
        """Return how many recordings there are of each format."""
        found = Counter(str(recording_kind(path.name)) for path in self.recordings)
        return dict(found.most_common())

    def sample(self, number: int) -> list[Path]:
        """Return so many recordings at most, evenly spread over all."""
        last = len(self.recordings) - 1
        shown = min(number, last + 1)
        return [self.recordings[round(n * last / max(1, shown - 1))] for n in range(shown)]


class _Notes:
    """Notes what a walk sees; paths are below the folder."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        self.metadata: list[str] = []
        self.is_cut = False

    def see(self, path: str, look: Look) -> None:
        self.files[path] = look[0]

    def see_metadata(self, path: str) -> None:
        self.metadata.append(path)


def survey_folder(
    folder: Path, patterns: Patterns, *, clock: Callable[[], float] = time.monotonic
) -> Survey:
    """Look through a folder by the rules by which a watched one is; nothing is opened.

    Args:
        folder: The folder, absolute.
        patterns: Which files are wanted.
        clock: Gives seconds.
    """
    notes = _Notes()
    end = clock() + LONGEST_S

    def is_enough() -> bool:
        if len(notes.files) + len(notes.metadata) >= MOST_FILES or clock() > end:
            notes.is_cut = True
        return notes.is_cut

    tree = Tree(folder, patterns, notes, is_enough=is_enough)
    tree.walk()
    wanted = {folder / path: size for path, size in notes.files.items() if patterns.accepts(path)}
    chosen = sorted(choose_recordings(wanted))
    return Survey(
        folder=folder,
        recordings=chosen,
        sizes=[wanted[path] for path in chosen],
        metadata=[folder / path for path in notes.metadata],
        unwanted=len(notes.files) - len(chosen),
        whole=not notes.is_cut,
        troubles=dict(tree.troubles),
    )
