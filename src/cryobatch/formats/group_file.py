"""The file of a group: what holds for all of its images."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryobatch.formats.toml_checks import Checked, parse_file, parse_toml
from cryobatch.formats.toml_text import Table, format_tables
from cryobatch.model.image import FactValue
from cryobatch.model.parameter import ParameterValue

FILE_NAME = "group.toml"


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """What a group.toml holds.

    Args:
        comment: Free text.
        acquisition: Acquisition facts of all images of the group.
        parameters: Parameters by script and name.
    """

    comment: str = ""
    acquisition: Mapping[str, FactValue] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, ParameterValue]] = field(default_factory=dict)


def read(path: Path | str) -> GroupRecord:
    """Read a group.toml; a group without one has nothing set.

    Raises:
        SettingsError: It cannot be read or something in it is wrong; the text says where.
    """
    if not os.access(path, os.F_OK):
        return GroupRecord()
    return _load(parse_file(path), str(path))


def loads(text: str, where: str) -> GroupRecord:
    """Read the text of a group.toml; ``where`` names the file in errors."""
    return _load(parse_toml(text, where), where)


def dumps(record: GroupRecord) -> str:
    """Return the text of a group.toml."""
    tables: dict[tuple[str, ...], Table] = {("group",): {"comment": record.comment}}
    if record.acquisition:
        tables["acquisition",] = record.acquisition
    for script, parameters in record.parameters.items():
        tables["parameters", script] = parameters
    return format_tables(tables)


def _load(data: Table, where: str) -> GroupRecord:
    top = Checked(where, "", data)
    top.only({"group", "acquisition", "parameters"})
    group = top.table("group", required=False)
    group.only({"comment"})
    facts = top.table("acquisition", required=False)
    return GroupRecord(
        comment=group.text("comment") if "comment" in group.data else "",
        acquisition={name: facts.fact(name, value) for name, value in facts.data.items()},
        parameters=top.table("parameters", required=False).each(
            lambda table: {name: table.scalar(name) for name in table.data}
        ),
    )
