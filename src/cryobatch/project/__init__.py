"""A project: the one facade that the command line, the daemon and users' own code call."""

from cryobatch.project.project import Project
from cryobatch.project.selection import Selection

__all__ = ["Project", "Selection"]
