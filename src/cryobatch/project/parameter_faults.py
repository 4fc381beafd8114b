"""Parameter faults: what settings' files say of scripts that no script here takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryobatch.errors import SettingsError, UsageError
from cryobatch.formats import group_file
from cryobatch.model.batch import ParameterSet
from cryobatch.model.script import Script
from cryobatch.processing.catalog import Catalog

_OWN = {"project": "the project's", "user": "the user's"}


@dataclass(frozen=True, slots=True)
class ParameterFault:
    """Something in a settings file that does not do what its writer meant.

    Args:
        text: What is wrong, where, and what to do.
        is_doubtful: Whether it may be right for another project: a site's settings may be for a
            script that only some projects have.
    """

    text: str
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class ImageFault:
    """Something in an image's own file that does not do what its writer meant.

    Args:
        script: For which script it stands there.
        names: The parameters that are to be taken back, or given otherwise.
        text: What is wrong, and where.
    """

    script: str
    names: tuple[str, ...]
    text: str


def find_image_faults(catalog: Catalog, file: str, parameters: ParameterSet) -> list[ImageFault]:
    """Look at an image's own parameters.

    Args:
        catalog: All scripts.
        file: How a person finds the image's file.
        parameters: What stands there.
    """
    parts = [
        (script, part)
        for script, values in parameters.items()
        if values
        for part in ([{name: value} for name, value in values.items()]
                     if script in catalog.scripts else [values])
    ]  # fmt: skip
    return [
        ImageFault(script, tuple(part), f"{file}: {text}{_tell_outcome(catalog, script)}")
        for script, part in parts
        for _, text in _find_wrong(catalog, {script: part})
    ]


def _tell_outcome(catalog: Catalog, script: str) -> str:
    return "; this script fails with it" if script in catalog.scripts else "; nothing uses it"


def find_faults(
    catalog: Catalog, site: tuple[Path, ParameterSet], project: tuple[Path, ParameterSet],
    images: Path,
) -> list[ParameterFault]:  # fmt: skip
    """Look at all files that give parameters to more than one image.

    Args:
        catalog: All scripts.
        site: The site's file, and its parameters.
        project: The project's.
        images: Folder of all groups.
    """
    return [
        *find_site_faults(catalog, *site),
        *_look(catalog, *project),
        *(fault for path in _group_files(images) for fault in _look_at_group(catalog, path)),
    ]


def find_site_faults(
    catalog: Catalog, path: Path, parameters: ParameterSet
) -> Iterator[ParameterFault]:
    """Look at a site's parameters; scripts that nobody here has are doubtful only."""
    for name, text in _find_wrong(catalog, parameters):
        script = catalog.scripts.get(name)
        if script is None:
            text += "; nothing here uses it: correct it, unless another project has this script"
        elif script.origin in _OWN:
            text += f"; {_tell_own(script)}"
        yield ParameterFault(f"{path}: {text}", is_doubtful=script is None)


def check_site(catalog: Catalog, path: Path, parameters: ParameterSet) -> None:
    """See that what a site says of the scripts that are here can be used.

    Raises:
        SettingsError: A script has no such parameter, or it cannot have this value.
    """
    for fault in find_site_faults(catalog, path, parameters):
        if not fault.is_doubtful:
            raise SettingsError(fault.text)


def _look(catalog: Catalog, path: Path, parameters: ParameterSet) -> Iterator[ParameterFault]:
    for _, text in _find_wrong(catalog, parameters):
        yield ParameterFault(f"{path}: {text}")


def _look_at_group(catalog: Catalog, path: Path) -> Sequence[ParameterFault]:
    try:
        group = group_file.read(path)
    except SettingsError as error:
        return [ParameterFault(str(error))]
    return [*_look(catalog, path, group.parameters)]


def _group_files(images: Path) -> list[Path]:
    return sorted(images.glob(f"*/{group_file.FILE_NAME}"))


def _find_wrong(catalog: Catalog, parameters: ParameterSet) -> Iterator[tuple[str, str]]:
    """Return what the catalog refuses, script by script, with its words."""
    for name, values in parameters.items():
        try:
            catalog.check_parameters({name: values})
        except UsageError as error:
            yield name, str(error)


def _tell_own(script: Script) -> str:
    return (
        f"the {script.name} here is {_OWN[script.origin]} own ({script.place}): if the site means "
        "another, give this one another name"
    )
