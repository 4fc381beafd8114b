"""Turn the gain reference: of the images that are there, and of those that will come.

A turn may be stopped, or killed: each image has one orientation or the other, with its results
marked accordingly, and the project remembers that it was not finished until the next one is.
"""

from dataclasses import replace

from cryobatch.imaging.gain_orientation import Orientation
from cryobatch.project.progress import Done, tell_nobody
from cryobatch.project.project import Project
from cryobatch.project.selection import Selection
from cryobatch.store.settings import delete_setting, get_setting, put_setting

TURNING = "gain_turning"
"""Names, in the database, the orientation that not all images may have yet."""


def turn_gain(project: Project, turn: Orientation, *, done: Done = tell_nobody) -> list[int]:
    """Turn the gain reference of all images, and of those that watched folders bring.

    Done again, it finishes what was stopped.

    Args:
        project: Whose.
        turn: Rotated first, then flipped.
        done: Is told of the progress; what it raises stops the turn.

    Returns:
        Ids of the images that have changed; what was calculated from them is stale.
    """
    facts = {"gain_rotation": turn.rotation, "gain_flip": turn.flip}
    with project.database.transaction() as t:
        put_setting(t, TURNING, [turn.rotation, turn.flip])
    _order(project, facts)
    changed: list[int] = []
    if project.images.select(Selection(everything=True)):
        changed = project.correct_facts(Selection(everything=True), facts, done=done)
    with project.database.transaction() as t:
        delete_setting(t, TURNING)
    return changed


def find_unfinished(project: Project) -> Orientation | None:
    """Return the orientation of a turn that was stopped, None when all is done."""
    with project.database.reading() as r:
        kept = get_setting(r, TURNING)
    return None if kept is None else Orientation(*kept)


def _order(project: Project, facts: dict[str, int]) -> None:
    """Have watched folders bring images with these facts."""
    watching = project.watching
    for watched in watching.listing():
        orders = replace(watched.orders, facts={**watched.orders.facts, **facts})
        watching.add(watched.folder, orders, active=watched.active)
