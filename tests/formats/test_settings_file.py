"""Settings files: what a site says is read strictly, numbers as persons spell them."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from cryobatch.errors import SettingsError
from cryobatch.formats.settings_file import (
    Table,
    parse_project,
    parse_site,
    read_site_settings,
)


def test_an_empty_file_of_a_site_sets_nothing(tmp_path: Path) -> None:
    """The defaults hold; a file that is not there is an error, which names it."""
    path = tmp_path / "site.toml"
    with pytest.raises(SettingsError, match=r"site\.toml: cannot be read: No such file"):
        read_site_settings(path)
    path.touch()
    site = read_site_settings(path)
    assert (dict(site.microscopes), dict(site.parameters), site.gain_folder) == ({}, {}, None)


def test_magnifications_are_numbers_however_they_are_written(tmp_path: Path) -> None:
    """130000 is "130000" and "1.3e5"; large ones as well."""
    path = tmp_path / "site.toml"
    path.write_text(
        '[microscopes.k.pixel_sizes]\n130000 = 1\n"1.05e5" = 0.829\n1250000 = 0.1\n"81000.0" = 1.06'
    )
    sizes = read_site_settings(path).microscopes["k"].pixel_sizes
    assert {float(name): size for name, size in sizes.items()} == {
        130_000.0: 1.0, 105_000.0: 0.829, 1_250_000.0: 0.1, 81_000.0: 1.06,
    }  # fmt: skip
    assert sizes[f"{1_250_000.0:g}"] == 0.1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[microscope.k]\n", "'microscope'; known: microscopes"),
        ("[microscopes.k]\nname = 'x'\n", r"\[microscopes\.k\] is called 'name'; known: names"),
        ("[microscopes.k]\nnames = 'Krios'\n", r"microscopes\.k\.names should be a list"),
        ("[microscopes.k.facts]\ncs = 'big'\n", "cs = 'big'"),
        ("[cameras.k]\nrows = 4096\n", r"\[cameras\.k\] should have rows and columns"),
        ("[cameras.k]\nrows = 0\ncolumns = 5\n", r"\[cameras\.k\] should have rows and columns"),
        (
            "[cameras.k]\nrows = 9\ncolumns = 9\nnames = 'K'\n",
            r"cameras\.k\.names should be a list",
        ),
        ("[microscopes.k.pixel_sizes]\nlow = 1.0\n", "low = 1.0.*such as 130000 = 1.06"),
        ("[microscopes.k.pixel_sizes]\n130000 = 'x'\n", "130000 = 'x'.*such as 130000 = 1.06"),
        ("[microscopes.k.pixel_sizes]\n130000 = 0\n", "130000 = 0.*such as"),
        ("[processors]\nnumber = 0\n", r"processors\.number = 0: it takes a number from 1"),
        ("gain_folder = 3\n", "gain_folder should be a text"),
        ("[programs]\nctffind = 4\n", r"programs\.ctffind should be a text"),
        ("\x00", "is not TOML"),
    ],
)
def test_a_wrong_setting_of_a_site_is_named(tmp_path: Path, text: str, why: str) -> None:
    """File, key, and what it takes."""
    path = tmp_path / "site.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=rf"{path}: .*{why}"):
        read_site_settings(path)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    """Nothing is guessed from bytes."""
    path = tmp_path / "site.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=f"{path}: is not TOML"):
        read_site_settings(path)


@pytest.mark.parametrize("value", ["2020-01-01", "[1, 2]", "{low = 1}", "10:30:00"])
@pytest.mark.parametrize("parse", [parse_project, parse_site])
def test_a_parameter_is_a_number_a_text_or_a_truth(
    parse: Callable[[Table], object], value: str
) -> None:
    """TOML has dates, lists and tables too, which no parameter is."""
    about = '[project]\nname = "a"\nid = "b"\ncreated_at = "c"\n' if parse is parse_project else ""
    data = tomllib.loads(f"{about}[parameters.fit_ctf]\nbox = {value}\n")
    with pytest.raises(SettingsError, match=r"parameters\.fit_ctf\.box should be a number, a text"):
        parse(data)
