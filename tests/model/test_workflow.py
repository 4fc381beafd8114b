"""Workflows: the order follows from the processing logic, and errors name the way out."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from cryobatch.errors import UnknownNameError, WorkflowError
from cryobatch.model import Output, Script
from cryobatch.model.category import CATEGORIES, order_categories
from cryobatch.model.workflow import Workflow, plan_workflow
from tests.model.scripts import CROP, KNOWN, UNPACK, by_name, make

ALL = ("unpack", "fourier_crop", "correct_drift", "fit_ctf", "pick", "statistics")


def plan(scripts: Iterable[Script], *chosen: str, root: str = "movie") -> list[str]:
    """Plan some of these scripts (none named: all) and return their order."""
    known = by_name(scripts)
    return names(plan_workflow(chosen or tuple(known), known, root=root))


def names(workflow: Workflow) -> list[str]:
    """Return the names of a workflow's scripts in their order."""
    return [script.name for script in workflow.scripts]


@given(st.permutations(ALL), st.randoms())
def test_the_order_does_not_depend_on_the_choice(
    chosen: list[str], shuffled: random.Random
) -> None:
    """Whatever order a person or a folder names them in, scripts run in the same one."""
    known = list(KNOWN.values())
    shuffled.shuffle(known)
    assert names(plan_workflow(chosen, by_name(known), root="movie")) == list(ALL)


PRODUCTS = ("stack", "a", "b", "c")
VALUES = ("u", "v", "w")


@st.composite
def any_scripts(draw: st.DrawFn) -> list[Script]:
    """Draw scripts that read and make products and values at random."""
    names = draw(st.lists(st.sampled_from("klmnopq"), min_size=1, max_size=6, unique=True))
    some = st.lists(st.sampled_from(PRODUCTS), max_size=2, unique=True)
    marked = st.sampled_from(["", "?"])
    return [
        make(
            name,
            draw(st.sampled_from(CATEGORIES)),
            [f"{product}{draw(marked)}" for product in draw(some)],
            draw(some),
            draw(st.lists(st.sampled_from(VALUES), max_size=1)),
            [f"{v}{draw(marked)}" for v in draw(st.lists(st.sampled_from(VALUES), max_size=1))],
        )
        for name in names
    ]


@given(any_scripts(), st.randoms())
def test_any_workflow_is_in_order_or_an_error(
    scripts: list[Script], random_: random.Random
) -> None:
    """Nothing runs before what it needs; neither the choice nor the catalog's order matters."""
    known = by_name(scripts)
    try:
        workflow = plan_workflow(list(known), known, root="movie", present=PRODUCTS)
    except WorkflowError:
        event("no workflow")
        return
    event(f"a workflow of {len(scripts)}")
    order = names(workflow)
    assert sorted(order) == sorted(known)
    for reader in workflow.scripts:
        for maker in workflow.scripts[order.index(reader.name) + 1 :]:
            needed = {n for item in reader.inputs if not item.optional for n in item.names}
            made = set(maker.outputs) - set(maker.transforms)
            assert not (needed & made)
            assert not ({r.name for r in reader.reads if not r.optional} & set(maker.values))
    shuffled = random_.sample(scripts, len(scripts))
    again = plan_workflow(
        [script.name for script in shuffled], by_name(shuffled), root="movie", present=PRODUCTS
    )
    assert names(again) == order


def test_of_a_product_the_maker_comes_first_then_transformers_by_name_then_readers() -> None:
    """Also where the names of maker and readers would sort them otherwise."""
    maker = make("zz_maker", "Prepare Stack", ["movie"], ["stack"])
    second = make("second", "Prepare Stack", ["stack"], ["stack"])
    first = make("first", "Prepare Stack", ["stack"], ["stack"])
    reader = make("a_reader", "Prepare Stack", ["stack"], [], ["mean"])
    assert plan([reader, second, maker, first]) == ["zz_maker", "first", "second", "a_reader"]


def test_a_script_that_reads_a_value_comes_after_the_one_that_calculates_it() -> None:
    """Within a category the value decides; the name only where nothing else does."""
    reader = make("a", reads=["count"], values=["half"])
    optional_reader = make("b", reads=["count?"], values=["third"])
    other, maker = make("c", values=["other"]), make("d", values=["count"])
    assert plan([reader, optional_reader, other, maker]) == ["c", "d", "a", "b"]


def test_the_category_comes_before_the_name() -> None:
    """Scripts that need nothing of each other run by category."""
    scripts = [make("a", "Share", ["movie"]), make("z", "Prepare Stack", ["movie"])]
    assert plan(scripts) == ["z", "a"]


def test_a_projects_category_has_its_place() -> None:
    """A script of an added category runs where that category stands."""
    own = make("a", "Denoise", ["micrograph"], ["clean"])
    workflow = plan_workflow(
        [*ALL, "a"], {**KNOWN, "a": own}, root="movie",
        categories=order_categories({"Denoise": "Drift Correct"}),
    )  # fmt: skip
    assert names(workflow)[2:5] == ["correct_drift", "a", "fit_ctf"]


def test_what_a_later_category_makes_cannot_be_needed() -> None:
    """The error names both scripts and both categories."""
    early = make("early", "Fit CTF", ["particles"])
    with pytest.raises(WorkflowError, match=r"early \(Fit CTF\).*pick.*Pick Particles"):
        plan([*KNOWN.values(), early])


def test_scripts_that_wait_for_each_other_are_named() -> None:
    """A cycle of products and values is no workflow."""
    a, b = make("a", inputs=["x"], outputs=["y"]), make("b", inputs=["y"], outputs=["x"])
    c, d = make("c", values=["m"], reads=["n"]), make("d", values=["n"], reads=["m"])
    with pytest.raises(WorkflowError, match="a, b wait for each other"):
        plan([a, b])
    with pytest.raises(WorkflowError, match="c, d wait for each other"):
        plan([c, d])


@pytest.mark.parametrize(
    ("left", "right", "what"),
    [
        (make("a", outputs=["x"]), make("b", outputs=["x"]), "product x"),
        (make("a", values=["v"]), make("b", values=["v"]), "value v"),
    ],
)
def test_two_makers_are_refused(left: Script, right: Script, what: str) -> None:
    """Of one product or value there is one maker in a workflow; the error says which two."""
    with pytest.raises(WorkflowError, match=f"both a and b make the {what}: choose one"):
        plan([left, right])


def test_two_scripts_that_write_one_file_are_refused() -> None:
    """Under whatever names of products: the second would destroy what the first made."""
    left, right = make("a", outputs=["x"]), make("b", outputs=["y"])
    right.outputs["y"] = Output("a_x.txt")  # type: ignore[index]  # a dictionary made above
    with pytest.raises(WorkflowError, match=r"both a and b make the file a_x.txt"):
        plan([left, right])


def test_a_missing_input_names_the_script_that_would_help() -> None:
    """And says so where there is none."""
    with pytest.raises(WorkflowError, match="fit_ctf needs micrograph: add correct_drift"):
        plan(KNOWN.values(), "fit_ctf")
    lost = make("lost", inputs=["nowhere"])
    with pytest.raises(WorkflowError, match="lost needs nowhere: no known script makes it"):
        plan([lost])


def test_an_unknown_script_is_answered_with_the_nearest() -> None:
    """The nearest name comes first, and the way to see all is named."""
    with pytest.raises(UnknownNameError, match=r"'fit_cft'; known: fit_ctf.*scripts list"):
        plan(KNOWN.values(), "fit_cft")


def test_a_workflow_of_nothing_is_refused() -> None:
    """At least one script must be chosen."""
    with pytest.raises(WorkflowError, match="at least one"):
        plan_workflow((), KNOWN, root="movie")


def test_the_maker_of_a_transient_product_comes_along() -> None:
    """It is marked as added: forcing the workflow does not force it."""
    workflow = plan_workflow(["correct_drift"], KNOWN, root="movie")
    assert names(workflow) == ["unpack", "correct_drift"]
    assert workflow.chosen == {"correct_drift"}
    assert workflow.added == {"unpack"}


def test_the_projects_own_transformers_come_along_with_the_maker() -> None:
    """Else a later step of one workflow would see another stack than the earlier ones did."""
    workflow = plan_workflow(["correct_drift"], KNOWN, root="movie", companions=ALL)
    assert names(workflow) == ["unpack", "fourier_crop", "correct_drift"]


def test_of_several_makers_of_a_transient_product_the_projects_own_is_taken() -> None:
    """Without one the choice is a person's; the error names them."""
    known = {**KNOWN, "other": make("other", "Prepare Stack", ["movie"], ["stack"])}
    with pytest.raises(WorkflowError, match="'stack': add one of other, unpack"):
        plan_workflow(["correct_drift"], known, root="movie")
    chosen = plan_workflow(["correct_drift"], known, root="movie", companions=["other"])
    assert names(chosen) == ["other", "correct_drift"]


def test_an_image_that_is_a_sum_skips_the_drift_correction_by_itself() -> None:
    """So it does with all that needs frames; each is left out with a reason."""
    stacks = make("stack_statistics", "Prepare Stack", ["stack"], [], ["hot"])
    known = {**KNOWN, "stack_statistics": stacks}
    workflow = plan_workflow([*ALL, "stack_statistics"], known, root="micrograph")
    assert names(workflow) == ["fit_ctf", "pick", "statistics"]
    assert set(workflow.left_out) == {"unpack", "fourier_crop", "correct_drift", "stack_statistics"}
    assert "already a micrograph" in workflow.left_out["correct_drift"]
    assert "frames" in workflow.left_out["unpack"]


def test_a_reader_of_what_only_movies_give_is_left_out_of_a_sum() -> None:
    """The drift's file comes from frames, so its readers are left out as well."""
    reader = make("motion_report", "Share", ["motion"], [], ["smoothness"])
    known = {**KNOWN, "motion_report": reader}
    workflow = plan_workflow(["fit_ctf", "motion_report"], known, root="micrograph")
    assert names(workflow) == ["fit_ctf"]
    with pytest.raises(WorkflowError, match="none of the chosen scripts applies"):
        plan_workflow(["motion_report"], known, root="micrograph")


def test_an_alternative_input_is_satisfied_by_any_of_its_products() -> None:
    """``a|b`` needs one of them; with neither, all makers are named."""
    either = make("either", "Fit CTF", ["micrograph_unweighted|micrograph"])
    assert plan([*KNOWN.values(), either], "unpack", "correct_drift", "either")[-1] == "either"
    assert plan([either], root="micrograph") == ["either"]
    with pytest.raises(WorkflowError, match=r"micrograph_unweighted or micrograph.*correct_drift"):
        plan([*KNOWN.values(), either], "either")


def test_an_optional_input_orders_and_is_not_needed() -> None:
    """With its maker in the workflow the reader comes after it; without it runs alone."""
    reader = make("a_reader", "Share", ["particles?", "movie"])
    maker = make("z_maker", "Share", ["movie"], ["particles"])
    assert plan([reader, maker]) == ["z_maker", "a_reader"]
    assert plan([reader, maker], "a_reader") == ["a_reader"]


def test_what_an_image_has_already_needs_no_maker() -> None:
    """Also a product that an earlier batch made."""
    workflow = plan_workflow(["fit_ctf"], KNOWN, root="movie", present=["micrograph"])
    assert names(workflow) == ["fit_ctf"]


def test_nobody_makes_the_recording_anew() -> None:
    """A script whose product is the root product cannot join."""
    copy = make("copy", "Prepare Stack", [], ["movie"])
    with pytest.raises(WorkflowError):
        plan([UNPACK, CROP, copy])


def test_the_producers_of_a_product_are_told_in_their_order() -> None:
    """Maker, then transformers; nothing for what the workflow does not make."""
    workflow = plan_workflow(ALL, KNOWN, root="movie")
    assert workflow.producers("stack") == ("unpack", "fourier_crop")
    assert workflow.producers("movie") == ()


COUNTS = make("unpack", "Prepare Stack", ["movie"], ["stack", "stack_gain"])
KNOWING = make("correct_drift", "Drift Correct", ["stack", "stack_gain?"], ["micrograph"])
PLAIN = make("denoise", "Prepare Stack", ["stack"], ["stack"])


def reads_gain(workflow: Workflow) -> bool:
    """Tell whether correct_drift is given the gain of a stack of counts."""
    return any("stack_gain" in script.reads_products for script in workflow.scripts)


def test_a_companion_is_read_where_all_readers_know_it() -> None:
    """A stack is kept as counts only if nobody takes them for gain-corrected frames."""
    known = by_name([COUNTS, KNOWING, PLAIN])
    assert reads_gain(plan_workflow(["correct_drift"], known, root="movie"))
    assert not reads_gain(plan_workflow(["denoise", "correct_drift"], known, root="movie"))


def test_a_part_of_the_own_workflow_reads_companions_as_the_whole_does() -> None:
    """Else the same script would see another stack, and its results would be taken for stale."""
    known = by_name([COUNTS, KNOWING, PLAIN])
    part = plan_workflow(
        ["correct_drift"], known, root="movie", companions=["unpack", "denoise", "correct_drift"]
    )
    assert not reads_gain(part)
