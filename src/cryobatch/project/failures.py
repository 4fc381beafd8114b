"""Failures by cause: what goes wrong, how often, and how to do it again."""

import shlex
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from cryobatch.errors import UnknownNameError
from cryobatch.model.batch import BEFORE_SCRIPTS, NOT_RUN
from cryobatch.model.script import Script
from cryobatch.project.causes import find_words, generalise, name_cause
from cryobatch.project.project import Project
from cryobatch.store import failures
from cryobatch.store.failures import Attempted, FailedBatch
from cryobatch.store.queue import Retried

OUTPUT_BYTES = 64_000
OUTPUT_LINES = 40

Key = tuple[str, str]
"""A script, and its message without names and numbers."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One script's failure on one image.

    Args:
        batch: In which batch.
        image_id: On which image.
        image: Name of that image.
        group: Group of that image.
        time: When the batch ended, seconds since the epoch.
        text: The message as it was.
    """

    batch: int
    image_id: int
    image: str
    group: str
    time: float
    text: str


@dataclass(slots=True)
class Cause:
    """Failures of one script that say the same but for names and numbers.

    Args:
        id: A short name.
        script: The script; ``workflow`` where a batch failed before its first one.
        pattern: The message; ``…`` stands for a name, ``#`` for a number.
        failures: All of them, the oldest first.
    """

    id: str
    script: str
    pattern: str
    failures: list[Failure] = field(default_factory=list)

    @property
    def words(self) -> str:
        """A piece of text by which its rows are found in the log."""
        return find_words(self.pattern)

    def images(self) -> int:
        """Return how many images it concerns."""
        return len({one.image_id for one in self.failures})


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of one failure beyond its message.

    Args:
        attempted: What the batch was to do; None when it is gone.
        program: What was run: a program's or a script's file, or a module's function.
        again: The command that does it again.
        output: The last lines that the script wrote for that image, empty where it wrote none.
        log: The file that holds all of it.
    """

    attempted: Attempted | None
    program: str | None
    again: str
    output: str
    log: Path


class Failures:
    """The failures of a project that nothing has made good since.

    Args:
        project: The project.
    """

    def __init__(self, project: Project) -> None:
        """Take note of the project; what a message says in general is found once a batch."""
        self._project = project
        self._known: dict[int, tuple[tuple[Key, str], ...]] = {}

    def causes(self) -> list[Cause]:
        """Return why batches have failed, the cause of the latest failure first."""
        with self._project.database.reading() as r:
            batches = failures.open_failures(r)
        before, self._known = self._known, {}
        found: dict[Key, Cause] = {}
        for batch in batches:
            keys = before.get(batch.id) or _find_keys(batch)
            self._known[batch.id] = keys
            for key, text in keys:
                cause = found.get(key)
                if cause is None:
                    cause = found[key] = Cause(name_cause(*key), *key)
                cause.failures.append(
                    Failure(
                        batch.id, batch.image_id, batch.image, batch.group, batch.ended_at, text
                    )
                )
        return sorted(found.values(), key=lambda one: one.failures[-1].time, reverse=True)

    def find(self, cause: str) -> Cause:
        """Return one cause by its short name."""
        known = {one.id: one for one in self.causes()}
        if cause not in known:
            hint = "; it may have been made good meanwhile"
            raise UnknownNameError("cause of failures", cause, known, hint)
        return known[cause]

    def retry(self, causes: Collection[str] | None = None, *, top: bool = False) -> Retried:
        """Queue all batches anew that failed for some causes.

        Args:
            causes: Short names; None: all.
            top: Whether they go on top of the queue.
        """
        latest = self._project.queue.latest()  # before the failures are read
        known = self.causes()
        if causes is not None:
            for name in causes:
                if all(one.id != name for one in known):
                    raise UnknownNameError("cause of failures", name, [one.id for one in known])
            known = [one for one in known if one.id in causes]
        batches = {one.batch for cause in known for one in cause.failures}
        return self._project.queue.retry(sorted(batches), top=top, since=latest)

    def explain(self, script: str, failure: Failure) -> Account:
        """Return what was to be done, what was run, and what it wrote."""
        with self._project.database.reading() as r:
            done = failures.attempted(r, failure.batch)
        place = self._project.place
        log = place.image_folder(failure.group, failure.image) / "logs" / f"{script}.log"
        declared = self._project.catalog.scripts.get(script)
        return Account(
            attempted=done,
            program=None if declared is None else _describe_program(declared),
            again=_write_command(place.folder, script, failure, done),
            output=_read_end(log) if _is_below(log, place.images) else "",
            log=log,
        )


def _find_keys(batch: FailedBatch) -> tuple[tuple[Key, str], ...]:
    """Return why a batch has failed; what was not run for another's failure is no cause."""
    own = {script: text for script, text in batch.reasons.items() if not text.startswith(NOT_RUN)}
    names = (batch.image, batch.group)
    return tuple(
        ((script, generalise(text, names)), text) for script, text in (own or batch.reasons).items()
    )


def _describe_program(script: Script) -> str:
    if script.kind == "module":
        return f"{script.place}.{script.name}"
    return script.place


def _write_command(folder: Path, script: str, failure: Failure, done: Attempted | None) -> str:
    words = ["cryobatch", "--project", str(folder), "submit", "--images", str(failure.image_id)]
    if script != BEFORE_SCRIPTS:
        words += ["--scripts", script]
    elif done is not None:
        words += ["--scripts", ",".join(done.scripts)]
    given = {} if done is None else done.parameters
    chosen = given if script == BEFORE_SCRIPTS else {script: given.get(script, {})}
    for name, values in chosen.items():
        for parameter, value in values.items():
            words += ["--set", f"{name}.{parameter}={_write_value(value)}"]
    return shlex.join([*words, "--top"])


def _write_value(value: object) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_below(file: Path, folder: Path) -> bool:
    """Tell whether a file lies in a folder, wherever links may lead."""
    return file.resolve().is_relative_to(folder.resolve())


def _read_end(path: Path) -> str:
    """Return a file's last lines, nothing where there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - OUTPUT_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-OUTPUT_LINES:])
