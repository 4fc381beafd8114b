"""What watching a folder would bring: asked before anybody watches it, answered in words."""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryobatch.errors import BadInput, CryobatchError, UsageError
from cryobatch.importing import Recording, merge_facts
from cryobatch.importing.doubts.disagreement import Disagreement, find_disagreements
from cryobatch.importing.facts import exposed_frames
from cryobatch.importing.find import read_recording
from cryobatch.importing.layouts.companions import Companions
from cryobatch.importing.layouts.layout import parse_exposure
from cryobatch.importing.layouts.recognise import Layout, recognise_layouts
from cryobatch.importing.survey import Survey, survey_folder
from cryobatch.importing.watching.patterns import Patterns
from cryobatch.model.facts import FACTS
from cryobatch.model.image import Fact, FactValue
from cryobatch.project.import_guard import complete_facts
from cryobatch.project.missing_facts import needed_facts
from cryobatch.project.place import lacks_events
from cryobatch.project.project import Project
from cryobatch.project.submission import Choice
from cryobatch.project.typed_folder import complete_folder, read_folder

KEPT_S = 20.0
KEPT = 8
"""Surveys that are remembered for a while: a person types on, and asks about the same folder."""
AT_ONCE = 2
PATIENCE_S = 5.0
TRIED = 4
"""Recordings that are opened until one tells its facts."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One recording of a folder, and what would be known about it.

    Args:
        recording: It.
        facts: All facts with their sources, as an import would gather them.
        missing: Facts that the chosen scripts must know and nobody has said.
        disagreements: Where sources say different things.
    """

    recording: Recording
    facts: Mapping[str, Fact]
    missing: Sequence[str]
    disagreements: Sequence[Disagreement]


@dataclass(frozen=True, slots=True)
class Prospect:
    """What watching a folder would bring.

    Args:
        folder: The folder.
        state: "there", "absent", "refused" (it cannot be watched) or "unreadable".
        words: The same for a person.
        watched: Number of the watch that it has already.
        polled: Whether its file system reports no events.
        survey: What lies in it.
        layouts: Who has written it.
        sample: A recording of it, None where none can be read.
        problems: What a person should know before.
        completions: Folders whose names begin like what was typed.
    """

    folder: Path
    state: str
    words: str
    watched: int | None = None
    polled: bool = False
    survey: Survey | None = None
    layouts: Sequence[Layout] = ()
    sample: Sample | None = None
    problems: Sequence[str] = ()
    completions: Sequence[str] = ()


@dataclass(slots=True)
class Prospector:
    """Looks at folders that somebody thinks of watching.

    Args:
        project: Would import from them.
        clock: Gives seconds.
    """

    project: Project
    clock: Callable[[], float] = time.monotonic
    _kept: OrderedDict[tuple[object, ...], tuple[float, Survey]] = field(
        default_factory=OrderedDict
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(AT_ONCE))

    def look(
        self,
        typed: str,
        patterns: Patterns,
        *,
        pattern: str | None = None,
        facts: Mapping[str, FactValue] | None = None,
        choice: Choice | None = None,
    ) -> Prospect:
        """Return what a folder would bring.

        Args:
            typed: The folder as a person has written it, so far.
            patterns: Which of its files are wanted.
            pattern: Reads facts and group from names; None: as the project's settings say.
            facts: Facts that would hold whatever the recordings say, in their own types.
            choice: What would be done with the images; None: nothing.

        Raises:
            UsageError: What is asked means nothing; a path that means nothing is an answer.
        """
        try:
            folder = read_folder(typed)
        except UsageError as error:
            return Prospect(Path(), "refused", str(error))
        # A disk that does not answer holds whoever looks at it.
        with self._take_turn():
            completions = complete_folder(typed)
            found = self._look_at(folder, patterns)
            if found.survey is None:
                return replace(found, completions=completions)
            sample, problems = self._look_inside(found.survey, pattern, facts or {}, choice)
        return replace(found, sample=sample, problems=problems, completions=completions)

    def _look_at(self, folder: Path, patterns: Patterns) -> Prospect:
        watching = self.project.watching
        try:
            watching.check(folder)
        except UsageError as error:
            return Prospect(folder, "refused", str(error))
        watched = next((one.id for one in watching.listing() if one.folder == folder), None)
        try:
            there = folder.is_dir()
        except OSError as error:
            return Prospect(folder, "unreadable", f"{folder}: {error.strerror}", watched)
        if not there:
            words = "it is not there yet; it can be watched all the same, and begins when it comes"
            return Prospect(folder, "absent", words, watched)
        if not os.access(folder, os.R_OK | os.X_OK):
            words = "it may not be read by whoever runs cryobatch; give this user the right to"
            return Prospect(folder, "unreadable", words, watched)
        survey = self._survey(folder, patterns)
        return Prospect(
            folder,
            "there",
            _describe(survey),
            watched,
            polled=lacks_events(folder),
            survey=survey,
            layouts=recognise_layouts(survey.recordings, survey.metadata),
        )

    def survey(self, typed: str, patterns: Patterns) -> Survey:
        """Return what lies in a folder, as it was some seconds ago at most.

        Raises:
            UsageError: It is no whole path, or cannot be watched.
        """
        folder = read_folder(typed)
        self.project.watching.check(folder)
        with self._take_turn():
            return self._survey(folder, patterns)

    def _survey(self, folder: Path, patterns: Patterns) -> Survey:
        key = (folder, tuple(patterns.include), tuple(patterns.ignore))
        with self._lock:
            known = self._kept.get(key)
            if known is not None and self.clock() < known[0] + KEPT_S:
                return known[1]
        found = survey_folder(folder, patterns)
        with self._lock:
            self._kept[key] = (self.clock(), found)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    @contextmanager
    def _take_turn(self) -> Iterator[None]:
        """Let few folders be read at once: one that hangs must not take all threads with it."""
        if not self._turn.acquire(timeout=PATIENCE_S):
            raise CryobatchError("other folders are being looked through; try again in a moment")
        try:
            yield
        finally:
            self._turn.release()

    def _look_inside(
        self,
        survey: Survey,
        pattern: str | None,
        options: Mapping[str, FactValue],
        choice: Choice | None,
    ) -> tuple[Sample | None, list[str]]:
        """Return a recording that tells its facts, and what a person should know."""
        problems = [f"{survey.folder / path}: the folder cannot be read: {reason}"
                    for path, reason in survey.troubles.items()]  # fmt: skip
        if choice is not None:
            self.project.planner.check_names(choice)
        names = self.project.read_pattern(pattern)
        for path in reversed(survey.sample(TRIED)):
            try:
                recording = read_recording(path, _companions(survey, path), names)
            except BadInput as error:
                problems.append(str(error))
                continue
            sample, words = self._weigh(recording, options, choice)
            return sample, [*problems, *words]
        return None, problems

    def _weigh(
        self, recording: Recording, options: Mapping[str, FactValue], choice: Choice | None
    ) -> tuple[Sample, list[str]]:
        registrar = self.project.registrar
        layers = registrar.gather_layers(recording, options)
        merged = merge_facts(*layers, frames=recording.frames)
        facts = complete_facts(recording, merged, registrar.site)
        between = find_disagreements(layers, exposed_frames(recording.facts, recording.frames))
        several = {one.name: one for one in (*recording.disagreements, *between)}
        missing, words = self._find_missing(recording, facts, choice)
        remarks = [*recording.remarks, *([recording.lacks] if recording.lacks else [])]
        sample = Sample(recording, facts, missing, tuple(several.values()))
        return sample, [f"{recording.path.name}: {text}" for text in remarks] + words

    def _find_missing(
        self, recording: Recording, facts: Mapping[str, Fact], choice: Choice | None
    ) -> tuple[list[str], list[str]]:
        """Return the facts that scripts would ask for, and why nothing could be done at all."""
        if choice is None:
            return [], []
        planner = self.project.planner
        try:
            plan = planner.plan(choice, recording.root_product)
            given = planner.check_parameters(choice)
        except CryobatchError as error:
            return [], [str(error)]
        layers = (self.project.site.parameters, self.project.settings.parameters, given)
        return sorted(needed_facts(plan, layers) - facts.keys()), []


def order_facts(facts: Mapping[str, Fact]) -> list[str]:
    """Return the names of facts in the order in which they are declared."""
    return [name for name in FACTS if name in facts]


def _companions(survey: Survey, path: Path) -> Companions:
    """Return the metadata files that may be a recording's: of many, not all are looked at."""
    exposure = parse_exposure(path.name)
    if exposure is None:
        return Companions(survey.metadata)
    return Companions([
        one for one in survey.metadata
        if (found := parse_exposure(one.name)) is None or found.key == exposure.key
    ])  # fmt: skip


def _describe(survey: Survey) -> str:
    count = len(survey.recordings)
    if not count:
        words = "no recordings yet" if not survey.unwanted else (
            f"no recordings that are wanted; {survey.unwanted} others are left out"
        )  # fmt: skip
    else:
        words = f"{count:,} recording{'' if count == 1 else 's'}"
    return words if survey.whole else f"{words} in what was looked at; it is large"
