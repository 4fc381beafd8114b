"""The examples of docs/files.md can be read, and no setting is left out of them."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from cryobatch.formats import group_file, parameter_file
from cryobatch.formats.settings_file import parse_project, parse_site
from cryobatch.model.settings import (
    CopySettings,
    DiskSettings,
    HistorySettings,
    Microscope,
    Place,
    ProcessorSettings,
    ProjectSettings,
    QueueSettings,
    SiteSettings,
)

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "files.md").read_text(encoding="utf-8")


def find_example(title: str) -> str:
    """Return the TOML below a heading."""
    match = re.search(rf"^## {title}\n.*?```toml\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE)
    assert match is not None
    return match[1]


def test_the_example_of_a_parameter_file_can_be_read() -> None:
    """An image.toml like the printed one is taken, with its lock and its absent value."""
    record = parameter_file.loads(find_example("image.toml"), "docs/files.md")
    assert record.all_values()["defocus_u"] == 18000.0
    assert record.fact("pixel_size") == 1.46


def test_the_example_of_a_group_file_can_be_read() -> None:
    """A group.toml like the printed one is taken."""
    group = group_file.loads(find_example("group.toml"), "docs/files.md")
    assert group.parameters == {"fit_ctf": {"resolution_high": 4.0}}


def test_the_example_of_a_project_has_settings_that_hold() -> None:
    """A project.toml like the printed one is taken."""
    settings = parse_project(tomllib.loads(find_example("project.toml")))
    assert settings.default_workflows["micrograph"] == "quick"
    assert settings.processors.scratch == "/scratch"
    assert settings.copying.what == ("micrograph", "motion", "particles")


def test_the_example_of_a_site_has_settings_that_hold() -> None:
    """A site.toml like the printed one is taken."""
    settings = parse_site(tomllib.loads(find_example("site.toml")))
    assert settings.microscopes["krios"].pixel_sizes["105000"] == 0.834
    assert settings.cameras["k3"].columns == 5760


@pytest.mark.parametrize(
    ("title", "records"),
    [
        (
            "project.toml",
            (
                ProjectSettings,
                ProcessorSettings,
                QueueSettings,
                HistorySettings,
                DiskSettings,
                CopySettings,
            ),
        ),
        ("site.toml", (SiteSettings, Microscope)),
    ],
)
def test_no_setting_is_left_out(title: str, records: tuple[Any, ...]) -> None:
    """Each setting stands in an example (Any: dataclasses have no type of their own)."""
    example = find_example(title)
    names = {member.name for record in records for member in fields(record)}
    missing = {name for name in names - {"place"} if not re.search(rf"\b{name}\b", example)}
    assert missing == set()
    assert all(f"`{member.name}`" in TEXT for member in fields(Place))
