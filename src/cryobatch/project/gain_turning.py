"""Turn the gain reference: of the images that are there, and of those that will come."""

from dataclasses import replace

from cryobatch.imaging.gain_orientation import Orientation
from cryobatch.project.progress import Done, tell_nobody
from cryobatch.project.project import Project
from cryobatch.project.selection import Selection


def turn_gain(project: Project, turn: Orientation, *, done: Done = tell_nobody) -> list[int]:
    """Turn the gain reference of all images, and of those that watched folders bring.

    Args:
        project: Whose.
        turn: Rotated first, then flipped.
        done: Is told of the progress.

    Returns:
        Ids of the images that have changed; what was calculated from them is stale.
    """
    facts = {"gain_rotation": turn.rotation, "gain_flip": turn.flip}
    watching = project.watching
    for watched in watching.listing():
        orders = replace(watched.orders, facts={**watched.orders.facts, **facts})
        watching.add(watched.folder, orders, active=watched.active)
    if not project.images.select(Selection(everything=True)):
        return []
    return project.correct_facts(Selection(everything=True), facts, done=done)
