"""The decorator that makes a typed Python function a script."""

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from cryobatch.errors import BrokenScriptError
from cryobatch.model.parameter import Parameter, ParameterKind
from cryobatch.model.product import Input, Output
from cryobatch.model.script import Read, Script
from cryobatch.model.value import Value

Function = TypeVar("Function", bound=Callable[..., Any])

DECLARED = "__cryobatch_script__"
"""The attribute of a decorated function that holds its Script."""

_KINDS: Mapping[type, ParameterKind] = {
    bool: "bool", int: "int", float: "float", str: "str", Path: "file",
}  # fmt: skip


def script(
    *,
    category: str,
    title: str | None = None,
    version: str = "1",
    inputs: Sequence[str | Input] = (),
    outputs: Mapping[str, str | Output] | None = None,
    values: Mapping[str, Value] | None = None,
    reads: Sequence[str] = (),
    medians: Sequence[str] = (),
    in_order: bool = False,
    previous: Sequence[str] = (),
    time_limit_s: float | None = None,
    gpus: int = 0,
) -> Callable[[Function], Function]:
    """Make a function ``f(run, *, parameter: Annotated[type, Parameter(...)] = default)`` a script.

    The function returns its values as a mapping; the function itself stays as it is.
    """

    def declare(function: Function) -> Function:
        name = function.__name__
        declared = Script(
            name=name,
            title=title or name.replace("_", " ").capitalize(),
            category=category,
            version=version,
            kind="module",
            place=function.__module__,
            inputs=tuple(Input.parse(item) for item in inputs),
            outputs={key: Output.parse(item) for key, item in (outputs or {}).items()},
            values=dict(values or {}),
            parameters=_read_parameters(function),
            reads=tuple(Read.parse(item) for item in reads),
            medians=tuple(medians),
            in_order=in_order,
            previous=tuple(previous),
            help=inspect.getdoc(function) or "",
            time_limit_s=time_limit_s,
            gpus=gpus,
        )
        setattr(function, DECLARED, declared)
        return function

    return declare


def declared_script(function: object) -> Script | None:
    """Return the Script of a decorated function, None for anything else."""
    found = getattr(function, DECLARED, None)
    return found if isinstance(found, Script) else None


def _read_parameters(function: Callable[..., Any]) -> dict[str, Parameter]:
    signature = inspect.signature(function)
    hints = get_type_hints(function, include_extras=True)
    arguments = list(signature.parameters.values())
    if not arguments:
        raise BrokenScriptError(f"{function.__name__}: a script's first argument is its run")
    return {item.name: _read_parameter(function.__name__, item, hints) for item in arguments[1:]}


def _read_parameter(
    script_name: str, item: inspect.Parameter, hints: Mapping[str, Any]
) -> Parameter:
    where = f"{script_name}.{item.name}"
    hint = hints.get(item.name)
    if item.kind is not inspect.Parameter.KEYWORD_ONLY or get_origin(hint) is not Annotated:
        raise BrokenScriptError(
            f"{where}: write parameters after a * as Annotated[type, Parameter(...)] = default"
        )
    if item.default is inspect.Parameter.empty:
        raise BrokenScriptError(f"{where} has no default")
    annotated_type, *extras = get_args(hint)
    declared = next((extra for extra in extras if isinstance(extra, Parameter)), Parameter())
    kind, optional = _read_kind(annotated_type, where)
    default = str(item.default) if isinstance(item.default, Path) else item.default
    parameter = replace(declared, kind=kind, optional=optional)
    return replace(parameter, default=parameter.check(default, where))


def _read_kind(annotated_type: Any, where: str) -> tuple[ParameterKind, bool]:
    members = [annotated_type]
    if get_origin(annotated_type) in {Union, types.UnionType}:
        members = list(get_args(annotated_type))
    kinds = [_KINDS[member] for member in members if member in _KINDS]
    if len(kinds) != 1 or len(members) > 2:
        names = ", ".join(known.__name__ for known in _KINDS)
        raise BrokenScriptError(f"{where}: its type is one of {names}, or that and None")
    return kinds[0], type(None) in members
