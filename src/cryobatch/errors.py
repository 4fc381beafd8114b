"""What can go wrong: one base class, and a class for each thing a caller can do about it."""

from collections.abc import Iterable
from difflib import get_close_matches


class CryobatchError(Exception):
    """Anything that cryobatch reports to a person; its text says what, where and what to do."""


class UsageError(CryobatchError):
    """The request itself is wrong: call again with other words."""


class UnknownNameError(UsageError):
    """A name that nobody knows; the text lists the valid ones, nearest first."""

    def __init__(self, kind: str, name: str, valid: Iterable[str], hint: str = "") -> None:
        names = _nearest_first(name, valid)
        known = ", ".join(names) if names else "there is none yet"
        super().__init__(f"no {kind} is called {name!r}; known: {known}{hint}")


class SettingsError(CryobatchError):
    """A settings file is wrong: correct the file that the text names."""


class ParameterError(UsageError):
    """A parameter of a script has a value that it cannot take."""


class WorkflowError(UsageError):
    """The chosen scripts cannot form a workflow; the text says which scripts would help."""


class MissingFactError(CryobatchError):
    """An acquisition fact is needed and unknown: give the option that the text names."""


class ScriptFailed(CryobatchError):  # noqa: N818 - the word for it in the glossary
    """A script could not do its work on this image; other images go on."""


class BadInput(ScriptFailed):
    """A file of this image is not what it should be; other images go on."""


class NoRoom(ScriptFailed):
    """A disk was full before a script had written its files; with room it may be run again."""


class ContractError(ScriptFailed):
    """A script ended without the products and values that it declares."""


class BrokenScriptError(CryobatchError):
    """A script file cannot be used: correct the file that the text names."""


class ProjectError(CryobatchError):
    """The project's folder cannot be used as it is; the text says what to do."""


class ProjectBusyError(ProjectError):
    """Another daemon works on this project; the text says who has it."""


class ConflictError(CryobatchError):
    """Somebody else changed the same thing first: look again and repeat."""


def _nearest_first(name: str, valid: Iterable[str]) -> list[str]:
    names = sorted(valid)
    near = get_close_matches(name, names, n=len(names) or 1, cutoff=0.5)
    return near + [other for other in names if other not in near]
