"""The parameter file of an image: text from an ImageRecord, and back.

TOML: ``[image]``, ``[acquisition]`` (each fact with its source), ``[person]`` with its ``locks``
and ``facts``, and by script ``[parameters.<script>]``, ``[values.<script>]`` (an absent value is
``{absent = "why"}``), ``[runs.<script>]``. A parameter that is None has no line.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryobatch.errors import SettingsError
from cryobatch.formats.toml_checks import Checked, parse_file, parse_toml
from cryobatch.formats.toml_text import Table, format_tables
from cryobatch.model.image import FLAGS, Fact, ImageIdentity, ImageRecord, Person, RunRecord
from cryobatch.model.parameter import ParameterValue
from cryobatch.model.value import Absent, Result

FILE_NAME = "image.toml"

_TABLES = frozenset({"image", "acquisition", "person", "parameters", "values", "runs"})
_IDENTITY = frozenset(ImageIdentity.__slots__)
_FACT = frozenset(Fact.__slots__)
_PERSON = frozenset(Person.__slots__)
_RUN = frozenset(RunRecord.__slots__)


def read(path: Path | str) -> ImageRecord:
    """Read a parameter file.

    Raises:
        SettingsError: It cannot be read or something in it is wrong; the text says where.
    """
    return loads_table(parse_file(path), str(path))


def loads(text: str, where: str) -> ImageRecord:
    """Read the text of a parameter file.

    Args:
        text: TOML.
        where: Names the file in errors.
    """
    return loads_table(parse_toml(text, where), where)


def dumps(record: ImageRecord) -> str:
    """Return the text of a parameter file."""
    tables: dict[tuple[str, ...], Table] = {
        ("image",): _members(record.image),
        ("acquisition",): {name: _members(fact) for name, fact in record.acquisition.items()},
    }
    _dump_person(record.person, tables)
    for script, parameters in record.parameters.items():
        tables["parameters", script] = parameters
    for script, values in record.values.items():
        tables["values", script] = {name: _dump_result(value) for name, value in values.items()}
    for script, run in record.runs.items():
        tables["runs", script] = _members(run)
    return format_tables(tables)


def loads_table(data: Table, where: str) -> ImageRecord:
    """Return the record of a parsed parameter file."""
    top = Checked(where, "", data)
    top.only(_TABLES)
    facts = top.table("acquisition", required=False)
    return ImageRecord(
        image=_load_identity(top.table("image")),
        acquisition={name: _load_fact(facts, name) for name in facts.data},
        person=_load_person(top.table("person", required=False)),
        parameters=top.table("parameters", required=False).each(_load_parameters),
        values=top.table("values", required=False).each(_load_values),
        runs=top.table("runs", required=False).each(_load_run),
    )


def _members(record: ImageIdentity | Fact | RunRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def _dump_person(person: Person, tables: dict[tuple[str, ...], Table]) -> None:
    if person == _NOTHING_SAID:
        return
    said = {"flag": person.flag, "comment": person.comment, "trashed": person.trashed}
    tables["person",] = said
    if person.locks:
        tables["person", "locks"] = person.locks
    if person.facts:
        tables["person", "facts"] = person.facts


_NOTHING_SAID = Person()


def _dump_result(value: Result) -> Any:
    return {"absent": value.reason} if isinstance(value, Absent) else value


def _load_identity(table: Checked) -> ImageIdentity:
    table.only(_IDENTITY)
    return ImageIdentity(
        id=table.whole("id"),
        name=table.text("name"),
        group=table.text("group"),
        root_product=table.text("root_product"),
        root_file=table.text("root_file"),
        source=table.text("source"),
        source_id=table.text("source_id"),
        rows=table.whole("rows"),
        columns=table.whole("columns"),
        frames=table.whole("frames"),
        imported_at=table.text("imported_at"),
        recorded_at=table.optional_text("recorded_at"),
        root_fingerprint=table.optional_text("root_fingerprint"),
        brought_back=table.optional_text("brought_back"),
    )


def _load_fact(facts: Checked, name: str) -> Fact:
    table = facts.table(name)
    table.only(_FACT)
    return Fact(facts.fact(name, table.data.get("value")), table.text("source"))


def _load_person(table: Checked) -> Person:
    table.only(_PERSON)
    flag = table.text("flag") if "flag" in table.data else None
    if flag is not None and flag not in FLAGS:
        raise SettingsError(f"{table.place('flag')} = {flag!r}: it is one of {', '.join(FLAGS)}")
    trashed = table.data.get("trashed", False)
    if not isinstance(trashed, bool):
        raise SettingsError(f"{table.place('trashed')} should be true or false")
    locks = table.table("locks", required=False)
    facts = table.table("facts", required=False)
    return Person(
        flag=flag,
        comment=table.text("comment") if "comment" in table.data else "",
        trashed=trashed,
        locks={name: locks.result(name) for name in locks.data},
        facts={name: facts.fact(name, value) for name, value in facts.data.items()},
    )


def _load_parameters(table: Checked) -> Mapping[str, ParameterValue]:
    return {name: table.scalar(name) for name in table.data}


def _load_values(table: Checked) -> Mapping[str, Result]:
    return {name: _load_value(table, name) for name in table.data}


def _load_value(table: Checked, name: str) -> Result:
    if not isinstance(table.data[name], dict):
        return table.result(name)
    absent = table.table(name)
    absent.only({"absent"})
    return Absent(absent.text("absent"))


def _load_run(table: Checked) -> RunRecord:
    table.only(_RUN)
    inputs = table.table("inputs", required=False)
    given = table.table("given", required=False)
    return RunRecord(
        version=table.text("version"),
        fingerprint=table.text("fingerprint"),
        host=table.text("host"),
        processor=table.text("processor"),
        batch=table.whole("batch"),
        started_at=table.text("started_at"),
        seconds=table.number("seconds"),
        memory_bytes=table.whole("memory_bytes"),
        parameters=_load_parameters(table.table("parameters", required=False)),
        tools=table.table("tools", required=False).all_texts(),
        products=table.table("products", required=False).all_texts(),
        inputs={name: inputs.texts(name) for name in inputs.data},
        given={name: _load_parameters(given.table(name)) for name in given.data},
    )
