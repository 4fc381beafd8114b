"""``image``: see one image, and say what a person knows better."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli import image_group, image_parameters
from cryobatch.cli.groups import NounGroup
from cryobatch.cli.options import (
    Everything,
    Images,
    Json,
    Where,
    choose_images,
    open_project,
    read_assignments,
)
from cryobatch.cli.progress import Progress
from cryobatch.cli.tables import count, count_images, describe, show_json
from cryobatch.cli.trouble import tell_trouble
from cryobatch.errors import ContractError, UnknownNameError, UsageError
from cryobatch.model import Absent, ImageRecord, Script

if TYPE_CHECKING:
    from cryobatch.project import Project
    from cryobatch.project.correction import Change

app = typer.Typer(
    cls=NounGroup,
    help="See one image, and say what a person knows better than the recording or a script.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(image_parameters.app, name="parameters")
app.command("move")(image_group.move)

NameList = Annotated[list[str], typer.Argument(metavar="NAME...")]


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="IMAGE", help="Its id, name, or group/name.")],
    json: Json = False,
) -> None:
    """Show all that is known about an image."""
    with open_project(context) as project:
        image_id = project.images.find(name)
        record = project.images.record(image_id)
        folder = project.images.folder(image_id)
        scripts = project.catalog.scripts
        faults = project.find_image_faults(record)
    if json:
        show_json({**_to_json(record), "folder": str(folder)})
        return
    typer.echo(f"{record.image.group}/{record.image.name}  (image {record.image.id})")
    typer.echo(f"  {folder}")
    for title, lines in _sections(record, scripts):
        if lines:
            typer.echo(f"\n{title}")
            typer.echo("\n".join(f"  {line}" for line in lines))
    for fault in faults:
        names = shlex.join(f"{fault.script}.{name}" for name in fault.names)
        tell_trouble(
            f"{fault.text}; take it back with: cryobatch image parameters unset {names} "
            f"--images {image_id}"
        )


@app.command("set")
def set_facts(
    context: typer.Context,
    facts: Annotated[list[str], typer.Argument(metavar="FACT=VALUE...")],
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
) -> None:
    """Correct acquisition facts; what was calculated with the old ones becomes stale."""
    given = read_assignments(facts, "FACT=VALUE, such as pixel_size=1.05")
    with open_project(context) as project:
        selection = choose_images(project, everything, images, where)
        with Progress("correcting", resumes=True) as progress:
            changed = project.correct_facts(selection, given, done=progress.show)
        stale = project.images.select(choose_images(project, False, None, "stale"))
    typer.echo(f"{count_images(len(changed))} corrected")
    if set(stale) & set(changed):
        typer.echo("run again just what depends on it: cryobatch submit --stale")


@app.command()
def restore(
    context: typer.Context,
    names: NameList,
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
) -> None:
    """Take corrections of facts back: what the recording says holds again."""
    from cryobatch.model.facts import FACTS
    from cryobatch.project.correction import restore_facts

    for name in names:
        if name not in FACTS:
            raise UnknownNameError("acquisition fact", name, FACTS)
    _update(context, restore_facts(tuple(names)), everything, images, where)


@app.command()
def lock(
    context: typer.Context,
    values: Annotated[list[str], typer.Argument(metavar="VALUE[=NUMBER]...")],
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
) -> None:
    """Lock values, as they are or at a number given: no script overwrites them."""
    with open_project(context) as project:
        locks = dict(_read_lock(project, text) for text in values)
        selection = choose_images(project, everything, images, where)
        without: set[int] = set()
        changed = project.images.update(selection, _locking(locks, without))
    typer.echo(f"{count_images(len(changed))} changed")
    if without:
        tell_trouble(
            f"{count_images(len(without))} without such a value: nothing is there to be locked; "
            "give the value, as in 'image lock VALUE=NUMBER'"
        )


@app.command()
def unlock(
    context: typer.Context,
    values: NameList,
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
) -> None:
    """Give values back to the scripts."""
    from cryobatch.project.correction import unlock_values

    _update(context, unlock_values(tuple(values)), everything, images, where)


@app.command()
def flag(
    context: typer.Context,
    colour: Annotated[str, typer.Argument(metavar="FLAG", help="green, amber, red or none.")],
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
) -> None:
    """Flag images, or take a person's flag back (none)."""
    from cryobatch.project.correction import flag_image

    change = flag_image(None if colour == "none" else colour)
    _update(context, change, everything, images, where)


@app.command()
def comment(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT")],
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
) -> None:
    """Write a comment; an empty text removes it."""
    from cryobatch.project.correction import comment_image

    _update(context, comment_image(text), everything, images, where)


@app.command()
def trash(
    context: typer.Context,
    everything: Everything = False,
    images: Images = None,
    where: Where = None,
    back: Annotated[bool, typer.Option("--back", help="Take them out of the trash.")] = False,
) -> None:
    """Put images aside; --back takes them back, with --all everything; no file is removed."""
    if back:
        everything, where = False, _look_in_trash(everything, where)
    with open_project(context) as project:
        changed = project.images.trash(
            choose_images(project, everything, images, where), trashed=not back
        )
    typer.echo(f"{count_images(len(changed))} changed")


def _look_in_trash(everything: bool, where: str | None) -> str | None:
    """Return a filter that finds images in the trash only, None where they are named by ids."""
    if everything and where is not None:
        raise UsageError("name the images by --all, by --images ID... or by --where EXPRESSION")
    if everything:
        return "trashed"
    return where and f"trashed and ({where})"


def _update(
    context: typer.Context,
    change: "Change",
    everything: bool,
    images: list[str] | None,
    where: str | None,
) -> None:
    with open_project(context) as project:
        selection = choose_images(project, everything, images, where)
        with Progress("changing", resumes=True) as progress:
            changed = project.images.update(selection, change, done=progress.show)
    typer.echo(f"{count_images(len(changed))} changed")


def _read_lock(project: "Project", text: str) -> tuple[str, float | int | str | None]:
    """Return a value's name and what it is locked at, None for what it is."""
    from cryobatch.project.correction import QUALITY, check_quality

    name, equals, given = text.partition("=")
    declared = {n: v for s in project.catalog.scripts.values() for n, v in s.values.items()}
    if name not in declared:
        raise UnknownNameError("value", name, declared)
    if not equals:
        return name, None
    try:
        checked = declared[name].check(given.strip(), name)
    except ContractError:
        takes = declared[name].describe()
        raise UsageError(
            f"{name} cannot be locked at {given.strip()!r}: it takes {takes}"
        ) from None
    assert not isinstance(checked, Absent)
    return name, check_quality(checked) if name == QUALITY else checked


def _locking(locks: dict[str, float | int | str | None], without: set[int]) -> "Change":
    """Return the change that locks; images that lack a value to be locked as it is are noted."""
    from cryobatch.project.correction import lock_values

    def change(record: ImageRecord) -> ImageRecord:
        present = record.all_values()
        wanted = {name: present.get(name) if value is None else value
                  for name, value in locks.items()}  # fmt: skip
        found = {n: v for n, v in wanted.items() if v is not None and not isinstance(v, Absent)}
        if len(found) < len(wanted):
            without.add(record.image.id)
        return lock_values(found)(record)

    return change


def _to_json(record: ImageRecord) -> dict[str, object]:
    values = {name: None if isinstance(value, Absent) else value
              for name, value in record.all_values().items()}  # fmt: skip
    absent = {name: value.reason for name, value in record.all_values().items()
              if isinstance(value, Absent)}  # fmt: skip
    return {
        "image": asdict(record.image),
        "acquisition": {name: asdict(fact) for name, fact in record.acquisition.items()},
        "person": asdict(record.person),
        "parameters": {name: dict(given) for name, given in record.parameters.items()},
        "values": values,
        "absent": absent,
        "runs": {name: asdict(run) for name, run in record.runs.items()},
    }


def _sections(
    record: ImageRecord, scripts: Mapping[str, Script]
) -> Sequence[tuple[str, list[str]]]:
    image = record.image
    sections = [
        ("recording", [
            f"{image.root_product}, {image.columns} x {image.rows}, "
            f"{count(image.frames, 'frame', 'frames')}",
            f"from {image.source}", f"recorded {image.recorded_at or 'at an unknown time'}, "
            f"imported {image.imported_at}",
        ]),
        ("acquisition", _fact_lines(record)),
        ("a person says", _person_lines(record)),
        ("parameters of this image (they come before the group's and the project's)", [
            f"{script}.{name} = {_word(value)}"
            for script, given in record.parameters.items()
            for name, value in given.items()
        ]),
    ]  # fmt: skip
    for script, values in record.values.items():
        run = record.runs.get(script)
        title = script if run is None else f"{script}  ({run.seconds:.1f} s, {run.started_at})"
        declared = scripts[script].values if script in scripts else {}
        lines = [
            _value_line(record, name, declared[name].unit if name in declared else "")
            for name in values
        ]
        sections.append((title, lines))
    return sections


def _fact_lines(record: ImageRecord) -> list[str]:
    lines = [
        f"{name} = {_word(fact.value)}  ({fact.source})"
        for name, fact in record.acquisition.items()
        if name not in record.person.facts
    ]
    return lines + [f"{n} = {_word(v)}  (a person)" for n, v in record.person.facts.items()]


def _person_lines(record: ImageRecord) -> list[str]:
    person = record.person
    said = {"flag": person.flag, "comment": person.comment, "in the trash": person.trashed}
    return [f"{name}: {describe(value)}" for name, value in said.items() if value]


def _value_line(record: ImageRecord, name: str, unit: str) -> str:
    value = record.all_values()[name]
    locked = "  (locked)" if name in record.person.locks else ""
    if isinstance(value, Absent):
        return f"{name}: absent, {value.reason}{locked}"
    return f"{name} = {_word(value)} {unit}".rstrip() + locked


def _word(value: object) -> str:
    return describe(value) or "(empty)"
