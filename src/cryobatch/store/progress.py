"""How a session goes: counts of images, and what came in and was done over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryobatch.store.database import Reading


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """Images that are not in the trash.

    Args:
        imported: All.
        processed: Those of which at least one batch was done.
        failed: Those whose last batch has failed.
        stale: Those with anything stale.
        flags: How many have each flag.
    """

    imported: int
    processed: int
    failed: int
    stale: int
    flags: dict[str, int]


@dataclass(frozen=True, slots=True)
class Flow:
    """What happened in equal spans of time, the first beginning at ``since``.

    Args:
        since: Seconds since the epoch.
        span_s: Length of a span.
        imported: Images registered.
        submitted: Batches queued.
        done: Batches done.
        failed: Batches failed.
        cancelled: Batches cancelled.
    """

    since: float
    span_s: float
    imported: tuple[int, ...]
    submitted: tuple[int, ...]
    done: tuple[int, ...]
    failed: tuple[int, ...]
    cancelled: tuple[int, ...]

    def backlog(self, now_left: int) -> list[int]:
        """Return how many batches waited or ran at the end of each span.

        Args:
            now_left: How many do now, at the end of the last one.
        """
        left, found = now_left, []
        spans = zip(self.submitted, self.done, self.failed, self.cancelled, strict=True)
        for submitted, *ended in reversed(list(spans)):
            found.append(max(left, 0))
            left += sum(ended) - submitted
        return found[::-1]


def count_images(r: Reading) -> ImageCounts:
    """Return how many images are how far."""
    kinds = r.execute(
        "SELECT flag, stale <> '[]', count(*) FROM image WHERE trashed = 0 GROUP BY 1, 2"
    ).fetchall()
    flags: dict[str, int] = {}
    for flag, _, number in kinds:
        if flag is not None:
            flags[flag] = flags.get(flag, 0) + number
    return ImageCounts(
        imported=sum(row[2] for row in kinds),
        processed=_number(r, "SELECT count(DISTINCT image_id) FROM batch WHERE state = 'done' "
                             "AND finished_at IS NOT NULL"),
        failed=_number(r, "SELECT count(DISTINCT image_id) FROM batch AS old "
                          "WHERE state = 'failed' AND finished_at IS NOT NULL AND NOT EXISTS "
                          "(SELECT 1 FROM batch AS new WHERE new.image_id = old.image_id "
                          "AND new.id > old.id)"),
        stale=sum(row[2] for row in kinds if row[1]),
        flags=flags,
    )  # fmt: skip


def measure_flow(r: Reading, since: float, span_s: float, spans: int) -> Flow:
    """Return what happened in equal spans of time."""
    start = datetime.fromtimestamp(since, UTC).isoformat("T", "seconds")
    imported = r.execute(
        "SELECT cast((strftime('%s', imported_at) - :since) / :span AS INTEGER), count(*) "
        "FROM image WHERE imported_at >= :start GROUP BY 1",
        {"since": since, "span": span_s, "start": start},
    ).fetchall()
    submitted = r.execute(
        "SELECT cast((submitted_at - :since) / :span AS INTEGER), count(*) FROM batch "
        "WHERE submitted_at >= :since GROUP BY 1",
        {"since": since, "span": span_s},
    ).fetchall()
    ended = {
        state: r.execute(
            "SELECT cast((finished_at - :since) / :span AS INTEGER), count(*) FROM batch "  # noqa: S608
            f"WHERE state = '{state}' AND finished_at >= :since GROUP BY 1",
            {"since": since, "span": span_s},
        ).fetchall()
        for state in ("done", "failed", "cancelled")
    }
    kinds = {"imported": imported, "submitted": submitted, **ended}
    return Flow(since, span_s, **{name: _spread(rows, spans) for name, rows in kinds.items()})


def first_moment(r: Reading) -> float | None:
    """Return when the first batch was queued, seconds since the epoch; None: none ever was."""
    row = r.execute("SELECT submitted_at FROM batch ORDER BY id LIMIT 1").fetchone()
    return None if row is None else float(row[0])


def latest_done(r: Reading, number: int) -> list[int]:
    """Return the images of the batches that were done last."""
    rows = r.execute(
        "SELECT image_id FROM batch WHERE state = 'done' AND finished_at IS NOT NULL "
        "ORDER BY finished_at DESC, id DESC LIMIT ?",
        (number,),
    )
    return list(dict.fromkeys(row[0] for row in rows))


def _number(r: Reading, sql: str) -> int:
    return int(r.execute(sql).fetchone()[0])


def _spread(rows: Sequence[Sequence[int]], spans: int) -> tuple[int, ...]:
    found = [0] * spans
    for place, number in rows:
        # What is stamped a moment after the last span's end belongs to it.
        found[min(max(place, 0), spans - 1)] += number
    return tuple(found)
