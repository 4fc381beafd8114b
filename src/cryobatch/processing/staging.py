"""Staging: making a script's results ready to be committed."""

import contextlib
import os
import resource
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from cryobatch.formats import parameter_file
from cryobatch.model.image import RunRecord
from cryobatch.model.parameter import ParameterValue
from cryobatch.model.script import Script
from cryobatch.processing.course import Course
from cryobatch.processing.history import stage_history
from cryobatch.processing.invocation import Outcome
from cryobatch.processing.orders import Setup, StagedResult
from cryobatch.processing.workspace import write_staged

BRIEF_S = 1.0
"""What has taken less is not staged when it is but a parameter file: it is sooner made again."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a script's run gave and took.

    Args:
        outcome: Its values and tools.
        products: File below the image's folder, by product.
        parameters: What it ran with.
        inputs: Scripts that made each product that it read.
        started_at: ISO 8601.
        seconds: How long it took.
        memory_bytes: Largest resident size meanwhile.
    """

    outcome: Outcome
    products: Mapping[str, str]
    parameters: Mapping[str, ParameterValue]
    inputs: Mapping[str, tuple[str, ...]]
    started_at: str
    seconds: float
    memory_bytes: int


@dataclass(slots=True)
class Stopwatch:
    """Measures one run of a script in this process."""

    started_at: str = field(
        default_factory=lambda: datetime.now(UTC).isoformat("T", "milliseconds")
    )
    _start: float = field(default_factory=time.monotonic)
    _children_before: int = field(default_factory=lambda: _children_peak())

    def __post_init__(self) -> None:
        # Lets the kernel measure the peak of this run alone; where it may not, the process's
        # own peak is the honest upper bound.
        with contextlib.suppress(OSError):
            os.pwrite(_open_once("/proc/self/clear_refs", os.O_WRONLY), b"5", 0)

    def seconds(self) -> float:
        """Return how long it has run."""
        return round(time.monotonic() - self._start, 3)

    def memory_peak(self) -> int:
        """Return the largest resident size in bytes, of this process or of a child of this run.

        The kernel keeps the peak of all children that there were: one that is smaller than those
        of earlier runs does not show, and this process's own peak stands for it.
        """
        children = _children_peak()
        return max(_resident_peak(), children if children > self._children_before else 0)


def stage_result(course: Course, script: Script, finished: Finished, setup: Setup) -> StagedResult:
    """Put a script's results, on the disk, where the daemon commits them from."""
    before = course.record
    run = _record_run(course, script, finished, setup)
    replaced = before.replaced_by(script.name, run, finished.outcome.values)
    ending = (script.name, *replaced) if script.name in before.runs else replaced
    history = None
    if ending:
        staged = course.workspace.staged(script.name)
        history = stage_history(
            staged, course.folder, before, ending, keep_products=setup.keep_products
        )
    after = before.with_run(script.name, run, finished.outcome.values)
    if finished.products or history is not None:
        course.workspace.sync_staged(script.name)
    removed = tuple(sorted(before.files() - after.files()))
    text = parameter_file.dumps(after)
    brief = not (finished.products or history or removed) and finished.seconds < BRIEF_S
    course.record = after
    return StagedResult(
        script=script.name,
        record="" if brief else write_staged(course.workspace.staging, script.name, text.encode()),
        staged=f"{course.workspace.staging}/{script.name}",
        base=course.base,
        products=finished.products,
        removed=removed,
        history=history,
        content=text if brief else None,
    )


def _record_run(course: Course, script: Script, finished: Finished, setup: Setup) -> RunRecord:
    return RunRecord(
        version=script.version,
        fingerprint=course.fingerprints[script.name],
        parameters=finished.parameters,
        tools=finished.outcome.tools,
        host=socket.gethostname(),
        processor=setup.processor,
        batch=course.order.batch,
        started_at=finished.started_at,
        seconds=finished.seconds,
        memory_bytes=finished.memory_bytes,
        products=finished.products,
        inputs=finished.inputs,
        given=_select_given(course, script, finished),
    )


def _select_given(
    course: Course, script: Script, finished: Finished
) -> dict[str, Mapping[str, ParameterValue]]:
    """Return the batch's own parameters of a script and of what made its transient inputs."""
    names = {script.name, *(name for producers in finished.inputs.values() for name in producers)}
    return {name: given for name, given in course.order.parameters.items() if name in names}


@cache
def _open_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC)


def _children_peak() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _resident_peak() -> int:
    text = os.pread(_open_once("/proc/self/status", os.O_RDONLY), 8192, 0)
    start = text.find(b"VmHWM:")
    return 0 if start < 0 else int(text[start : start + 40].split()[1]) * 1024
