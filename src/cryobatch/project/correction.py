"""Corrections: what a person says about images, written into their parameter files."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from cryobatch.errors import UnknownNameError, UsageError
from cryobatch.model.image import FLAGS, FactValue, ImageRecord, Person
from cryobatch.model.parameter import ParameterValue
from cryobatch.model.script import Script

QUALITY = "quality"
"""The value of which the library makes an image's flag."""

Change = Callable[[ImageRecord], ImageRecord]


def correct_facts(facts: Mapping[str, FactValue]) -> Change:
    """Return the change that corrects acquisition facts."""
    return _change_person(lambda p: replace(p, facts={**p.facts, **facts}))


def restore_facts(names: tuple[str, ...]) -> Change:
    """Return the change that takes corrections of facts back."""
    return _change_person(
        lambda p: replace(p, facts={k: v for k, v in p.facts.items() if k not in names})
    )


def lock_values(values: Mapping[str, float | int | str]) -> Change:
    """Return the change that locks values, so that no script overwrites them."""
    return _change_person(lambda p: replace(p, locks={**p.locks, **values}))


def check_quality(quality: float | int | str) -> float | int | str:
    """Return a quality, which an image is flagged by unless a person has flagged it.

    Raises:
        UsageError: It is a text that is no flag.
    """
    if isinstance(quality, str) and quality not in FLAGS:
        raise UsageError(f"{QUALITY} cannot be locked at {quality!r}: it is one of "
                         f"{', '.join(FLAGS)}")  # fmt: skip
    return quality


def unlock_values(names: tuple[str, ...]) -> Change:
    """Return the change that gives values back to the scripts."""
    return _change_person(
        lambda p: replace(p, locks={k: v for k, v in p.locks.items() if k not in names})
    )


def flag_image(flag: str | None) -> Change:
    """Return the change that flags an image, or takes the flag back (None)."""
    if flag is not None and flag not in FLAGS:
        raise UsageError(f"a flag is one of {', '.join(FLAGS)}, or none")
    return _change_person(lambda p: replace(p, flag=flag))


def comment_image(text: str) -> Change:
    """Return the change that comments an image."""
    return _change_person(lambda p: replace(p, comment=text))


def trash_image(trashed: bool) -> Change:
    """Return the change that puts an image aside, or takes it back."""
    return _change_person(lambda p: replace(p, trashed=trashed))


def set_parameters(given: Mapping[str, Mapping[str, ParameterValue]]) -> Change:
    """Return the change that sets scripts' parameters for an image."""

    def change(record: ImageRecord) -> ImageRecord:
        parameters = {name: dict(values) for name, values in record.parameters.items()}
        for script, values in given.items():
            parameters.setdefault(script, {}).update(values)
        return replace(record, parameters=parameters)

    return change


def unset_parameters(names: Collection[tuple[str, str]]) -> Change:
    """Return the change that takes an image's own parameters back, by script and name."""
    return lambda record: replace(record, parameters=leave_out(record.parameters, names))


def check_known(names: Collection[tuple[str, str]], scripts: Mapping[str, Script]) -> None:
    """See that nothing was taken back because nothing was set, not because of a slip.

    What no script takes any more can be taken back as well, where it was set.

    Args:
        names: Parameters by script and name.
        scripts: All scripts.

    Raises:
        UnknownNameError: There is no such script or parameter.
    """
    for script, name in names:
        if script not in scripts:
            raise UnknownNameError("script", script, scripts)
        if name not in scripts[script].parameters:
            raise UnknownNameError(f"parameter of {script}", name, scripts[script].parameters)


def leave_out(
    parameters: Mapping[str, Mapping[str, ParameterValue]], names: Collection[tuple[str, str]]
) -> dict[str, dict[str, ParameterValue]]:
    """Return parameters without some, named by script and name."""
    left = {
        script: {name: value for name, value in given.items() if (script, name) not in names}
        for script, given in parameters.items()
    }
    return {script: given for script, given in left.items() if given}


def _change_person(change: Callable[[Person], Person]) -> Change:
    return lambda record: replace(record, person=change(record.person))
