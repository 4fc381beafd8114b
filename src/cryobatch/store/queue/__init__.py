"""The queue: batches that wait in an order that a person can change, run and end.

Every function takes an open transaction (or a reading), and is one step of it; the caller ends it.
Only ``submit_all`` and ``retry_all`` open their own, because a large bundle is written in several.
"""

from cryobatch.store.queue.again import Retried, latest, retry_all
from cryobatch.store.queue.claim import (
    End,
    can_claim,
    claim,
    claim_for,
    count_losses,
    finish,
    give_back,
    give_back_all,
    put_back,
    record_failure,
    release,
)
from cryobatch.store.queue.listing import (
    QueueRow,
    batches_in_queue,
    batches_of,
    counts,
    get_batch,
    images_in_queue,
    images_without_batches,
    is_paused,
    listing,
    running,
    unknown,
)
from cryobatch.store.queue.order import Moved, down, move_beside, move_to, to_bottom, to_top, up
from cryobatch.store.queue.removal import Cancelled, clear, pause, remove, request_cancel, resume
from cryobatch.store.queue.submission import (
    Submission,
    Submitted,
    submit,
    submit_all,
)

__all__ = [
    "Cancelled",
    "End",
    "Moved",
    "QueueRow",
    "Retried",
    "Submission",
    "Submitted",
    "batches_in_queue",
    "batches_of",
    "can_claim",
    "claim",
    "claim_for",
    "clear",
    "count_losses",
    "counts",
    "down",
    "finish",
    "get_batch",
    "give_back",
    "give_back_all",
    "images_in_queue",
    "images_without_batches",
    "is_paused",
    "latest",
    "listing",
    "move_beside",
    "move_to",
    "pause",
    "put_back",
    "record_failure",
    "release",
    "remove",
    "request_cancel",
    "resume",
    "retry_all",
    "running",
    "submit",
    "submit_all",
    "to_bottom",
    "to_top",
    "unknown",
    "up",
]
