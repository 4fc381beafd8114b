"""Utilisation: how busy each processor was in the last hour, and with which scripts."""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryobatch.store import processors, work_done
from cryobatch.store.database import Database
from cryobatch.store.processors import ProcessorRow
from cryobatch.store.work_done import Stretch

SPAN_S = 3600.0
STEP_S = 10.0
STEPS = int(SPAN_S / STEP_S)
BUSY = "busy"

Steps = dict[int, dict[tuple[str, str | None], float]]
"""Seconds by step (counted since the epoch), processor and script."""


@dataclass(frozen=True, slots=True)
class Strip:
    """What one processor did, in equal steps up to now.

    Args:
        processor: Its name.
        busy: Share of the time in which it worked, 0 to 1.
        shares: The same for each step, in percent.
        scripts: The script that took most of each step, None where none is known.
    """

    processor: str
    busy: float
    shares: tuple[int, ...]
    scripts: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Hour:
    """What all processors did.

    Args:
        until: Seconds since the epoch: the end of the last step.
        span_s: The time that ``busy`` is a share of: an hour, or less when work began later.
        strips: One for each processor.
    """

    until: float
    span_s: float
    strips: tuple[Strip, ...]


@dataclass(slots=True)
class Utilisation:
    """Adds up what processors do; each row of the log is read once.

    Args:
        database: The project's database.
    """

    database: Database
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last_id: int = 0
    _last_end: float = 0.0
    _steps: Steps = field(default_factory=dict)

    def look(self, now: float | None = None) -> Hour:
        """Return the last hour.

        Args:
            now: Seconds since the epoch; None: the clock's.
        """
        now = time.time() if now is None else now
        with self._lock:
            with self.database.reading() as r:
                rows = processors.listing(r)
                since = now - SPAN_S
                self._last_id, done = work_done.scripts_done(r, self._last_id, since)
                ended = list(work_done.batches_done(r, max(self._last_end, since)))
            self._last_end = max((one.ended for one in ended), default=self._last_end)
            for one in (*done, *ended):  # a batch of many hours counts for this one only
                self._add(self._steps, one)
            last = math.ceil(now / STEP_S)
            for old in [step for step in self._steps if step < last - STEPS]:
                del self._steps[old]
            return self._draw(rows, last, now)

    def _draw(self, rows: Sequence[ProcessorRow], last: int, now: float) -> Hour:
        present: Steps = {}
        for row in rows:
            if row.state == BUSY:
                self._add(present, Stretch(row.id, None, max(row.since, now - SPAN_S), now))
        began = min((*self._steps, *present), default=last) * STEP_S
        span = max(min(SPAN_S, now - began), STEP_S)
        strips = tuple(self._strip(row, present, last, span) for row in rows)
        return Hour(last * STEP_S, span, strips)

    def _strip(
        self,
        row: ProcessorRow,
        present: Steps,
        last: int,
        span_s: float,
    ) -> Strip:
        shares, scripts, busy_s = [], [], 0.0
        for step in range(last - STEPS, last):
            known, more = self._steps.get(step, {}), present.get(step, {})
            by_script = {script: s for (name, script), s in known.items()
                         if name == row.id and script is not None}  # fmt: skip
            whole = known.get((row.id, None), 0.0) + more.get((row.id, None), 0.0)
            seconds = min(max(whole, sum(by_script.values())), STEP_S)
            busy_s += seconds
            shares.append(round(100 * seconds / STEP_S))
            now_running = row.script if (row.id, None) in more else None
            scripts.append(max(by_script, key=lambda s: by_script[s], default=now_running))
        return Strip(row.id, min(busy_s / span_s, 1.0), tuple(shares), tuple(scripts))

    @staticmethod
    def _add(steps: Steps, one: Stretch) -> None:
        """Spread a stretch over the steps that it touches."""
        first = math.floor(max(one.began, one.ended - SPAN_S) / STEP_S)
        for step in range(first, math.ceil(one.ended / STEP_S)):
            inside = min(one.ended, (step + 1) * STEP_S) - max(one.began, step * STEP_S)
            found = steps.setdefault(step, {})
            found[one.processor, one.script] = found.get((one.processor, one.script), 0.0) + inside
