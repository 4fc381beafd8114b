"""Fresh positions at the two ends of the queue.

Positions are integers with gaps, so that a batch moves between two others without touching them.
The ends are kept apart from the batches: a bundle that is written in several transactions takes
all its places with the first one, and what others add meanwhile stands beside it, not in it.
"""

from cryobatch.store.database import Transaction

GAP = 1 << 20


def take_top(t: Transaction, count: int) -> int:
    """Return the first of ``count`` places above all others, ``GAP`` apart."""
    row = t.execute(
        "UPDATE queue_end SET first = first - ? RETURNING first", (count * GAP,)
    ).fetchone()
    return int(row[0])


def take_bottom(t: Transaction, count: int) -> int:
    """Return the first of ``count`` places below all others, ``GAP`` apart."""
    row = t.execute(
        "UPDATE queue_end SET last = last + ? RETURNING last", (count * GAP,)
    ).fetchone()
    return int(row[0]) - (count - 1) * GAP
