"""Resolution: which value of a parameter holds."""

from collections.abc import Iterable, Mapping, Sequence

from cryobatch.errors import ParameterError, UnknownNameError, UsageError
from cryobatch.model.batch import ParameterSet
from cryobatch.model.parameter import ParameterValue
from cryobatch.model.script import Script

LAYERS = ("site", "project", "group", "image", "batch")
_PLACES = {
    "site": "site.toml, whose place 'cryobatch doctor' tells",
    "project": "project.toml",
    "group": "group.toml of the image's group",
    "image": "image.toml of the image",
}


def resolve_parameters(
    script: Script, layers: Iterable[ParameterSet], files: Sequence[str] = ()
) -> dict[str, ParameterValue]:
    """Return a script's parameters: its defaults, overridden by each layer in turn.

    Args:
        script: The script.
        layers: Parameter sets from the weakest (site) to the strongest (batch), as in ``LAYERS``.
        files: Where the layers stand, in the same order; empty where nobody knows.

    Raises:
        ParameterError: A layer sets what the script cannot take; the text says where it stands.
    """
    resolved = {name: declared.default for name, declared in script.parameters.items()}
    for index, layer in enumerate(layers):
        try:
            resolved.update(check_parameters(script, layer.get(script.name, {})))
        except UsageError as error:
            raise ParameterError(f"{error}; {_ask_for(script, index, files)}") from error
    return resolved


def _ask_for(script: Script, index: int, files: Sequence[str]) -> str:
    """Return the words that ask a person to correct what a layer says of a script."""
    layer = LAYERS[index]
    if layer not in _PLACES:
        return f"this was given for the {layer} itself: submit the image again with another value"
    known = files[index] if index < len(files) else ""
    return f"correct [parameters.{script.name}] in {known or _PLACES[layer]}"


def check_parameters(
    script: Script, given: Mapping[str, ParameterValue]
) -> dict[str, ParameterValue]:
    """Return given parameters in their own types, or raise what a person can act on."""
    checked: dict[str, ParameterValue] = {}
    for name, value in given.items():
        if name not in script.parameters:
            raise UnknownNameError(f"parameter of {script.name}", name, script.parameters)
        where = f"{script.name}.{name}"
        declared = script.parameters[name]
        unset = value == "none" and declared.optional and "none" not in declared.choices
        checked[name] = declared.check(None if unset else value, where)
    return checked


def parse_assignments(
    texts: Iterable[str], known: Mapping[str, Script]
) -> dict[str, dict[str, ParameterValue]]:
    """Read ``SCRIPT.PARAMETER=VALUE`` texts into a parameter set."""
    parsed: dict[str, dict[str, ParameterValue]] = {}
    for text in texts:
        target, equals, value = text.partition("=")
        script_name, dot, name = target.strip().partition(".")
        if not (equals and dot):
            raise ParameterError(f"{text!r}: write SCRIPT.PARAMETER=VALUE")
        if script_name not in known:
            raise UnknownNameError("script", script_name, known)
        declared = known[script_name].parameters
        if name not in declared:
            raise UnknownNameError(f"parameter of {script_name}", name, declared)
        where = f"{script_name}.{name}"
        typed = declared[name].parse(value.strip(), where)
        parsed.setdefault(script_name, {})[name] = "none" if typed is None else typed
    return parsed
