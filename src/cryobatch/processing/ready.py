"""Ready batches: short ones are claimed a few at a time, so that one disk wait serves them all."""

from collections import deque
from dataclasses import dataclass, field

from cryobatch.model.batch import Batch
from cryobatch.processing.orders import BatchOrder
from cryobatch.processing.plant import Plant
from cryobatch.store import library
from cryobatch.store.database import Transaction

SHORT_S = 0.05
"""A batch that takes no longer is short."""
AHEAD_EACH = 64
"""Batches claimed ahead for each processor, while they are short."""
HANDED_S = 0.04
"""Processors are handed batches ahead for no longer than this."""
PATIENCE_S = 0.1
"""How long batches stay claimed while nobody begins any of them."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A claimed batch with what its processor is to be told."""

    batch: Batch
    order: BatchOrder


def prepare(t: Transaction, batch: Batch, plant: Plant) -> Prepared:
    """Gather what a processor is to be told of a batch that was just claimed."""
    group, name = library.place_of(t, batch.image_id)
    attempt = plant.name_attempt(batch)
    wanted = {value for script in batch.scripts for value in plant.medians.get(script, ())}
    medians = {value: library.recent_median(t, group, value) for value in sorted(wanted)}
    followed = {value for script in batch.scripts for value in plant.previous.get(script, ())}
    previous = {
        value: library.previous_value(t, batch.image_id, value) for value in sorted(followed)
    }
    order = BatchOrder(
        batch=batch.id,
        attempt=batch.attempt,
        image_folder=f"{plant.images}/{group}/{name}",
        scripts=batch.scripts,
        parameters=batch.parameters,
        force=batch.force,
        failures=batch.failures,
        staging=f"{plant.staging}/{attempt}",
        scratch=f"{plant.scratch}/{attempt}",
        medians={value: median for value, median in medians.items() if median is not None},
        previous={value: found for value, found in previous.items() if found is not None},
    )
    return Prepared(batch, order)


@dataclass(slots=True)
class Ready:
    """Batches that are claimed and bound to no processor yet.

    There are some only while batches take milliseconds. They go back to the queue as soon as
    anybody changes it, or when no processor comes for them, so that nothing is bound early.
    """

    _prepared: deque[Prepared] = field(default_factory=deque)
    _since: float = 0.0
    _pace_s: float = 1.0

    def __len__(self) -> int:
        return len(self._prepared)

    def learn(self, seconds: float) -> None:
        """Note how long a batch has kept its processor."""
        self._pace_s = (self._pace_s + 3 * min(seconds, 1.0)) / 4

    def depth(self) -> int:
        """Return how many batches a processor may be handed ahead."""
        return min(AHEAD_EACH, int(HANDED_S / max(self._pace_s, 1e-6)))

    def wanted(self, processors: int) -> int:
        """Return how many more should be claimed, for so many processors."""
        wanted = AHEAD_EACH * processors if self._pace_s <= SHORT_S else 0
        return wanted - len(self) if len(self) <= wanted // 2 else 0

    def put(self, prepared: Prepared, now: float) -> None:
        """Add one behind the others."""
        self._prepared.append(prepared)
        self._since = now

    def take(self, number: int, now: float) -> list[Prepared]:
        """Return the first few, as far as there are any."""
        if number > 0:
            self._since = now
        return [self._prepared.popleft() for _ in range(min(number, len(self._prepared)))]

    def is_overdue(self, now: float) -> bool:
        """Tell whether nobody has come for them."""
        return bool(self._prepared) and now - self._since > PATIENCE_S

    def clear(self) -> list[Batch]:
        """Return all of them."""
        batches = [prepared.batch for prepared in self._prepared]
        self._prepared.clear()
        return batches
