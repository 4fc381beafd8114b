"""Script headers: the TOML block in the comments of an executable of any language."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryobatch.errors import BrokenScriptError, CryobatchError
from cryobatch.model.parameter import Parameter
from cryobatch.model.product import Input, Output
from cryobatch.model.script import Read, Script
from cryobatch.model.value import Value

_OPENING = re.compile(r"^\s*(?P<mark>#|//|--|%|;)\s*///\s*cryobatch\s*$")
_KEYS = {"title", "category", "inputs", "outputs", "values", "parameters", "reads", "medians",
         "in_order", "previous", "help", "time_limit_s", "gpus", "version"}  # fmt: skip


def find_header(text: str) -> str | None:
    """Return the TOML of a script's header, None when the text has no header.

    The block opens with a comment line ``/// cryobatch`` and closes with one ``///``; every line
    between is a comment of the same kind (``#``, ``//``, ``--``, ``%`` or ``;``).
    """
    lines = iter(text.splitlines())
    opening = next((m for m in map(_OPENING.match, lines) if m), None)
    if opening is None:
        return None
    mark = opening["mark"]
    body: list[str] = []
    for line in lines:
        stripped = line.strip()
        if not stripped.startswith(mark):
            raise BrokenScriptError("the header is not closed by a comment line ///")
        content = stripped.removeprefix(mark)
        if content.strip() == "///":
            return "\n".join(body) + "\n"
        body.append(content.removeprefix(" "))
    raise BrokenScriptError("the header is not closed by a comment line ///")


def parse_header(header: str, path: Path, *, version: str, origin: str) -> Script:
    """Return the Script that a header declares.

    Raises:
        BrokenScriptError: It cannot be used; the text says what is wrong.
    """
    try:
        data = tomllib.loads(header)
    except tomllib.TOMLDecodeError as error:
        raise BrokenScriptError(f"the header is not TOML: {error}") from error
    unknown = sorted(set(data) - _KEYS)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise BrokenScriptError(f"unknown in the header: {unknown[0]}; known: {known}")
    if "category" not in data:
        raise BrokenScriptError("the header names no category")
    try:
        return _build(data, path, version, origin)
    except (TypeError, ValueError, AttributeError) as error:
        raise BrokenScriptError(f"the header is wrong: {error}") from error


def _build(data: Mapping[str, Any], path: Path, version: str, origin: str) -> Script:
    return Script(
        name=path.stem,
        title=str(data.get("title", path.stem)),
        category=str(data["category"]),
        version=f"{data['version']}-{version}" if "version" in data else version,
        kind="executable",
        place=str(path),
        origin=origin,
        inputs=tuple(Input.parse(item) for item in _texts(data, "inputs")),
        outputs={k: _output(v) for k, v in data.get("outputs", {}).items()},
        values={k: _value(k, v) for k, v in data.get("values", {}).items()},
        parameters={k: _parameter(k, v) for k, v in data.get("parameters", {}).items()},
        reads=tuple(Read.parse(item) for item in _texts(data, "reads")),
        medians=tuple(_texts(data, "medians")),
        in_order=_truth(data, "in_order"),
        previous=tuple(_texts(data, "previous")),
        help=str(data.get("help", "")),
        time_limit_s=None if "time_limit_s" not in data else float(data["time_limit_s"]),
        gpus=int(data.get("gpus", 0)),
    )


def _texts(data: Mapping[str, Any], key: str) -> Sequence[str]:
    found = data.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise BrokenScriptError(f"{key} should be a list of texts")
    return found


def _truth(data: Mapping[str, Any], key: str) -> bool:
    found = data.get(key, False)
    if not isinstance(found, bool):
        raise BrokenScriptError(f"{key} should be true or false")
    return found


def _output(declared: Any) -> Output:
    return Output.parse(Output(**declared) if isinstance(declared, dict) else declared)


def _value(name: str, declared: Mapping[str, Any]) -> Value:
    value = Value(**declared)
    if value.kind not in {"float", "int", "text"}:
        raise BrokenScriptError(f"values.{name}: kind is float, int or text")
    return value


def _parameter(name: str, declared: Mapping[str, Any]) -> Parameter:
    members = {**declared, "choices": tuple(declared.get("choices", ()))}
    kind = members.pop("type", "float")
    if kind not in {"bool", "int", "float", "str", "file"}:
        raise BrokenScriptError(f"parameters.{name}: type is bool, int, float, str or file")
    optional = bool(members.pop("optional", "default" not in members))
    parameter = Parameter(**members, kind=kind, optional=optional)
    try:
        parameter.check(parameter.default, f"parameters.{name}.default")
    except CryobatchError as error:
        raise BrokenScriptError(str(error)) from error
    return parameter
