"""A project: the one facade that the command line, the daemon and users' own code call."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryobatch.project.project import Project
    from cryobatch.project.selection import Selection

__all__ = ["Project", "Selection"]


def __getattr__(name: str) -> Any:
    # A command that only moves a batch in the queue should not wait for the importing of all else.
    if name == "Project":
        from cryobatch.project.project import Project

        return Project
    if name == "Selection":
        from cryobatch.project.selection import Selection

        return Selection
    raise AttributeError(f"module 'cryobatch.project' has no attribute {name!r}")
