"""The built-in scripts as a whole: they fit each other, and say what they are."""

import subprocess
import sys

import pytest

from cryobatch.model.category import CATEGORIES
from cryobatch.model.facts import FACTS
from cryobatch.model.script import Script, script_from_json, script_to_json
from cryobatch.model.settings import DEFAULT_WORKFLOWS
from cryobatch.model.workflow import plan_workflow
from cryobatch.processing.catalog import builtin_scripts

SCRIPTS = {script.name: script for script in builtin_scripts()}
MOVIE = DEFAULT_WORKFLOWS["movie"]


def test_a_movie_goes_all_the_way() -> None:
    """In the order of the processing logic."""
    workflow = plan_workflow(MOVIE, SCRIPTS, root="movie")
    assert [script.name for script in workflow.scripts] == [
        "unpack",
        "fourier_crop",
        "correct_drift",
        "fit_ctf",
        "pick_particles",
        "calculate_statistics",
    ]
    assert dict(workflow.left_out) == {}


def test_an_image_that_is_a_sum_starts_with_the_ctf() -> None:
    """Also when a person chooses the movie's workflow for it."""
    by_default = plan_workflow(DEFAULT_WORKFLOWS["micrograph"], SCRIPTS, root="micrograph")
    chosen = plan_workflow(MOVIE, SCRIPTS, root="micrograph")
    assert [script.name for script in by_default.scripts] == list(MOVIE[3:])
    assert chosen.scripts == by_default.scripts
    assert set(chosen.left_out) == set(MOVIE[:3])


def test_the_drift_correction_alone_brings_the_makers_of_its_stack() -> None:
    """With the project's own transformer of it."""
    workflow = plan_workflow(["correct_drift"], SCRIPTS, root="movie", companions=MOVIE)
    assert [script.name for script in workflow.scripts] == list(MOVIE[:3])
    assert workflow.chosen == {"correct_drift"}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))
def test_what_a_script_reads_is_a_fact_or_a_value_of_another(script: Script) -> None:
    """A typing error would make it ask for what nobody can give."""
    values = {name for other in SCRIPTS.values() for name in other.values}
    assert {read.name for read in script.reads} <= set(FACTS) | values
    assert set(script.medians) <= values
    assert script.category in CATEGORIES


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_a_script_explains_itself(name: str) -> None:
    """It, its parameters and its values, for whoever asks for them by a command."""
    script = SCRIPTS[name]
    assert script.help
    assert [n for n, parameter in script.parameters.items() if not parameter.help] == []
    assert [n for n, value in script.values.items() if not value.help] == []
    assert script_from_json(script_to_json(script)) == script


def test_listing_scripts_loads_no_arrays() -> None:
    """A command that only lists them is quick."""
    code = (
        "import sys; from cryobatch.processing.catalog import builtin_scripts; builtin_scripts(); "
        "print([name for name in ('numpy', 'scipy', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
