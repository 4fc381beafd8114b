"""Finding recordings and registering them as images."""

from cryobatch.importing.facts import merge_facts, name_source, option_facts
from cryobatch.importing.find import find_recordings
from cryobatch.importing.names import make_safe, make_unique
from cryobatch.importing.recording import Found, Recording, Refused
from cryobatch.importing.take import Pace, Stopped, Take, remove_source, take_recording

__all__ = [
    "Found",
    "Pace",
    "Recording",
    "Refused",
    "Stopped",
    "Take",
    "find_recordings",
    "make_safe",
    "make_unique",
    "merge_facts",
    "name_source",
    "option_facts",
    "remove_source",
    "take_recording",
]
