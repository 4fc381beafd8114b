"""The texts in docs/ mention all that a person can type or read."""

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import typer

from cryobatch.cli.app import app
from cryobatch.cli.arguments import normalise
from cryobatch.cli.tables import describe
from cryobatch.model.facts import FACTS
from cryobatch.processing.catalog import builtin_scripts

DOCS = Path(__file__).resolve().parents[2] / "docs"
EVERYWHERE = {"--help", "-h"}


def walk_commands(command: Any, words: Sequence[str] = ()) -> Iterator[tuple[str, set[str]]]:
    """Yield each command with its options (Any: typer brings a parser of its own)."""
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from walk_commands(command.get_command(None, name), (*words, name))
        return
    options = {
        text
        for parameter in command.params
        if not getattr(parameter, "hidden", False)
        for text in (*parameter.opts, *parameter.secondary_opts)
        if text.startswith("-")
    }
    yield " ".join(words), options - EVERYWHERE


def split_sections(text: str) -> dict[str, str]:
    """Return the text below each heading, by the heading in small letters."""
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {
        title.strip().lower(): body for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def explain(title: str, sections: dict[str, str]) -> str:
    """Return a command's section with those that it refers to."""
    own = sections[title]
    linked = re.findall(r"\]\(#([\w-]+)\)", own)
    return own + "".join(sections.get(name.replace("-", " "), "") for name in linked)


def read_rows(section: str) -> list[tuple[list[str], str]]:
    """Return the names in the first cell of each table row, and the second cell."""
    rows = re.findall(r"^\| (`[^|]+`) \| ([^|]*)\|", section, re.MULTILINE)
    return [(re.findall(r"`(\w+)`", names), cell.strip()) for names, cell in rows]


def find_typed() -> list[str]:
    """Return the commands that the texts show in blocks or, with arguments, among the words."""
    typed = set()
    for path in [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]:
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL):
            typed |= set(re.findall(r"^(?:\$ )?cryobatch (.+)$", block, re.MULTILINE))
        typed |= set(re.findall(r"`cryobatch ([a-z]+ [^`]*[=0-9\"'][^`]*)`", text))
    return sorted(" ".join(line.split()) for line in typed)


def find_command(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words mean, and its arguments (Any: typer's own)."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "list_commands") and words and not words[0].startswith("-"):
        command, words = command.get_command(None, words[0]), words[1:]
        assert command is not None
    return command, words


COMMANDS = dict(walk_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_explained_with_all_its_options(command: str) -> None:
    """Who reads about a command finds every option there, or in a section that it links to."""
    sections = split_sections((DOCS / "commands.md").read_text(encoding="utf-8"))
    assert command in sections
    explained = explain(command, sections)
    missing = [o for o in COMMANDS[command] if not re.search(rf"`[^`\n]*{o}\b", explained)]
    assert missing == []


@pytest.mark.parametrize("line", find_typed())
def test_each_command_in_the_texts_can_be_typed(line: str) -> None:
    """Whatever a text shows is taken by the command line (it is parsed and not run)."""
    words = normalise(shlex.split(line))
    if words[0] == "--project":
        words = words[2:]
    command, arguments = find_command(words)
    with suppress(typer.Exit):  # what shows a help text
        command.make_context(line, list(arguments))


@pytest.mark.parametrize("script", builtin_scripts(), ids=lambda script: script.name)
def test_each_script_is_explained_with_its_values_and_parameters(script: Any) -> None:
    """Who reads about a script finds every value and parameter there (Any: pytest's parameter)."""
    text = (DOCS / "values.md").read_text(encoding="utf-8")
    sections = split_sections(text.replace("### Quality flags", ""))
    explained = sections[script.name]
    names = [*script.values, *script.parameters]
    assert [name for name in names if f"`{name}`" not in explained] == []


@pytest.mark.parametrize("script", builtin_scripts(), ids=lambda script: script.name)
def test_units_and_defaults_are_the_real_ones(script: Any) -> None:
    """A unit or number in the text is the one that holds (Any: pytest's parameter)."""
    text = (DOCS / "values.md").read_text(encoding="utf-8")
    rows = read_rows(split_sections(text.replace("### Quality flags", ""))[script.name])
    units = {name: cell for names, cell in rows for name in names}
    assert {name: units[name] for name in script.values} == {
        name: value.unit for name, value in script.values.items()
    }
    written = {
        name: default.split(" ")[0]
        for names, cell in rows
        if names[0] in set(script.parameters) - set(script.values)
        for name, default in zip(names, cell.split(", "), strict=True)
    }
    defaults = {name: item.default for name, item in script.parameters.items() if name in written}
    words = {name: "none" if value is None else describe(value) for name, value in defaults.items()}
    assert written == words


def test_each_acquisition_fact_is_explained() -> None:
    """Who wants to correct a fact finds its name and unit."""
    text = (DOCS / "values.md").read_text(encoding="utf-8")
    explained = split_sections(text)["acquisition facts"]
    assert [name for name in FACTS if f"`{name}`" not in explained] == []
