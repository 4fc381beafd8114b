"""Categories: a fixed order, to which a project may add."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryobatch.errors import SettingsError, UnknownNameError
from cryobatch.model.category import CATEGORIES, order_categories, rank_category


def test_the_order_is_that_of_the_processing_logic() -> None:
    """Without a project's own there are six."""
    assert order_categories({}) == (
        "Prepare Stack",
        "Drift Correct",
        "Fit CTF",
        "Pick Particles",
        "Calculate Statistics",
        "Share",
    )


def test_a_project_adds_categories_behind_others() -> None:
    """Also one behind another that was added, whatever the order in which they are named."""
    ordered = order_categories({"Denoise Again": "Denoise", "Denoise": "Drift Correct"})
    assert ordered[1:5] == ("Drift Correct", "Denoise", "Denoise Again", "Fit CTF")


@given(added=st.dictionaries(st.text("abc", min_size=1), st.sampled_from(CATEGORIES), max_size=6))
def test_every_added_category_stands_behind_the_one_it_names(added: dict[str, str]) -> None:
    """And the fixed ones keep their order, whatever is added."""
    ordered = order_categories(added)
    assert all(ordered.index(after) < ordered.index(name) for name, after in added.items())
    assert tuple(name for name in ordered if name in CATEGORIES) == CATEGORIES
    following = {after: ordered[ordered.index(after) + 1] for after in added.values()}
    assert all(name in added for name in following.values())


@pytest.mark.parametrize("after", ["Nothing", "Mine"])
def test_a_category_behind_nothing_is_an_error(after: str) -> None:
    """The message names the category, what it should stand after, and what there is."""
    with pytest.raises(SettingsError, match=f"'Mine' stands after '{after}'.*Fit CTF"):
        order_categories({"Mine": after})


def test_an_unknown_category_is_answered_with_the_nearest() -> None:
    """The nearest name comes first, and the script that says so is named."""
    with pytest.raises(UnknownNameError, match=r"'Fit CFT'; known: Fit CTF.*my_fit stands in it"):
        rank_category("Fit CFT", CATEGORIES, "my_fit")
