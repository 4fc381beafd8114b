"""Disagreements: what matters is found, once for each fact, with both sources."""

import doctest

from cryobatch.importing import name_source
from cryobatch.importing.doubts import disagreement
from cryobatch.importing.doubts.disagreement import find_disagreements


def test_each_fact_is_compared_with_the_surest_source() -> None:
    """The first that says otherwise is named; others say no more."""
    found = find_disagreements(
        [
            name_source({"pixel_size": 1.0, "voltage": 300.0}, "project.toml"),
            name_source({"pixel_size": 1.03, "voltage": 200.0}, "EPU XML a.xml"),
            name_source({"pixel_size": 1.2, "voltage": 200.0}, "MRC header"),
        ],
        frames=10,
    )
    assert [(item.name, item.kind) for item in found] == [
        ("voltage", "voltage: project.toml / EPU XML"),
        ("pixel_size", "pixel_size: project.toml / MRC header"),
    ]
    assert found[0].describe() == (
        "voltage is 300 kV by project.toml, which is taken, and 200 kV by EPU XML a.xml"
    )


def test_doses_are_compared_a_frame() -> None:
    """A dose of all frames and one of a frame are the same thing; both are told once."""
    layers = [
        name_source({"dose_per_frame": 1.0}, "option --dose-per-frame"),
        name_source({"total_dose": 40.0}, "EPU XML a.xml"),
    ]
    assert find_disagreements(layers, frames=40) == ()
    (found,) = find_disagreements(layers, frames=10)
    assert found.kind == "dose_per_frame: option --dose-per-frame / EPU XML"
    both = [name_source({"total_dose": dose}, f"mdoc {dose}") for dose in (10.0, 40.0)]
    assert [item.name for item in find_disagreements(both, frames=10)] == ["dose_per_frame"]


def test_what_differs_by_nature_is_not_compared() -> None:
    """Texts, shifts and small differences are nobody's mistake."""
    layers = [
        name_source({"camera": "K3", "stage_x": 1.0, "tilt_angle": 0.01, "defocus_set": 0.0}, "a"),
        name_source({"camera": "EF", "stage_x": 2.0, "tilt_angle": -0.4, "defocus_set": 0.0}, "b"),
    ]
    assert find_disagreements(layers, frames=1) == ()


def test_examples_hold() -> None:
    """What the docstrings show is what comes out."""
    assert doctest.testmod(disagreement).failed == 0
