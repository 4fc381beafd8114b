"""Effects of other settings, in words, before they are written."""

from collections.abc import Collection, Iterator, Mapping

from cryobatch.formats import group_file
from cryobatch.model.script import Script
from cryobatch.model.settings import ProjectSettings
from cryobatch.project.entries import Path
from cryobatch.project.project import Project
from cryobatch.project.selection import Selection

Changed = Mapping[str, Collection[str]]
"""Names of parameters by script."""

_RENEWING = {"threads", "gpus", "memory_limit_gb", "scratch"}


def tell_effects(
    project: Project,
    before: ProjectSettings,
    after: ProjectSettings,
    paths: Collection[Path],
) -> Iterator[str]:
    """Yield in words what other settings would do.

    Args:
        project: The project.
        before: What holds now.
        after: What would hold.
        paths: Where the changes are.
    """
    changed = _changed_scripts(before, after)
    if changed:
        yield from _tell_stale(project, changed)
    tables = {path[0] for path in paths}
    if tables & {"workflows", "default_workflows"}:
        yield ("Workflows hold for what is queued from now on; batches that wait stay as they are.")
    if "acquisition" in tables or "import" in tables:
        yield (
            "Facts and patterns hold for recordings that are imported from now on; to correct "
            "images that are there, use 'cryobatch image set'."
        )
    names = {path[1] for path in paths if path[0] == "processors"}
    if names & _RENEWING:
        yield "Processors begin anew with it, each when its batch has ended."
    if "number" in names:
        yield "The number holds at once, unless serve or somebody since has asked for another."


def _tell_stale(project: Project, changed: Changed) -> Iterator[str]:
    scripts = project.catalog.scripts
    touched = _find_dependents(changed, scripts)
    number = _count_images(project, changed, touched)
    titles = ", ".join(scripts[name].title for name in scripts if name in touched)
    if number:
        images = f"{number:,} image" + ("" if number == 1 else "s")
        yield (
            f"Results on up to {images} become stale: {titles}. They stay until they are "
            "queued again, with 'Just what is stale' in the Library."
        )
    else:
        yield "No result becomes stale by it."


def _count_images(project: Project, changed: Changed, touched: Collection[str]) -> int:
    """Count the images with results of scripts, but in groups that have words of their own."""
    scripts = project.catalog.scripts
    own = {value for name in changed if name in scripts for value in scripts[name].values}
    # A script without values of its own is known by what those after it have found.
    values = sorted(own or {value for name in touched for value in scripts[name].values})
    if not values:
        return 0
    where = " or ".join(f"{value} != none" for value in values)
    if spared := list(_read_groups(project, changed)):
        where = f"({where}) and group not in {spared!r}"
    return len(project.images.select(Selection(where=where)))


def _read_groups(project: Project, changed: Changed) -> Iterator[str]:
    """Yield the groups for whose images a change means nothing: they say otherwise."""
    for path in sorted(project.place.images.glob(f"*/{group_file.FILE_NAME}")):
        own = group_file.read(path).parameters
        if all(set(names) <= set(own.get(script, {})) for script, names in changed.items()):
            yield path.parent.name


def _changed_scripts(before: ProjectSettings, after: ProjectSettings) -> dict[str, set[str]]:
    """Return the names of changed parameters by script."""
    found: dict[str, set[str]] = {}
    for script in {*before.parameters, *after.parameters}:
        old, new = before.parameters.get(script, {}), after.parameters.get(script, {})
        names = {name for name in {*old, *new} if old.get(name) != new.get(name)}
        if names:
            found[script] = names
    return found


def _find_dependents(changed: Changed, scripts: Mapping[str, Script]) -> set[str]:
    """Return scripts with all that read what they make, directly or by others."""
    found = {name for name in changed if name in scripts}
    while True:
        products = {one for name in found for one in scripts[name].outputs}
        values = {one for name in found for one in scripts[name].values}
        more = {
            name for name, script in scripts.items() if name not in found
            and (_reads_product(script, products) or any(r.name in values for r in script.reads))
        }  # fmt: skip
        if not more:
            return found
        found |= more


def _reads_product(script: Script, products: Collection[str]) -> bool:
    return any(name in products for item in script.inputs for name in item.names)
