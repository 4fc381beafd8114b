"""Optics groups: right for usual patterns, with numbers that never change."""

import itertools
import json
import math
from collections.abc import Sequence

import numpy as np
import pytest

from cryobatch.importing.optics.beam_shifts import find_pattern
from cryobatch.importing.optics.optics_groups import OpticsGroups, groups_from_json, groups_to_json
from cryobatch.model.image import Fact, FactValue

SPACING = 0.1


def facts_of(**values: FactValue) -> dict[str, Fact]:
    """Return facts from a test."""
    return {name: Fact(value, "test") for name, value in values.items()}


def record(
    side: int, images: int, *, jitter: float = 0.05, drift: float = 1.0, seed: int = 1
) -> tuple[list[int], list[dict[str, Fact]]]:
    """Return the holes of a day's images and their facts.

    Args:
        side: Holes along each side of the pattern.
        images: How many images.
        jitter: Of each shift, part of the holes' distance, rms along each axis.
        drift: Of the pattern from the first image to the last, in distances of holes.
        seed: Decides jitter, turn and which holes are left out.
    """
    random = np.random.default_rng(seed)
    cosine, sine = math.cos(0.3), math.sin(0.3)
    grid = [
        (SPACING * (cosine * i - sine * j), SPACING * (sine * i + cosine * j))
        for i in range(side)
        for j in range(side)
    ]
    order = (hole for _ in itertools.count() for hole in range(side**2) if random.random() > 0.1)
    holes = list(itertools.islice(order, images))
    facts = []
    for number, hole in enumerate(holes):
        x, y = random.normal(0.0, jitter * SPACING, 2)
        far = drift * SPACING * number / images
        facts.append(
            facts_of(beam_shift_x=grid[hole][0] + x + far, beam_shift_y=grid[hole][1] + y - far)
        )
    return holes, facts


def assign(
    groups: OpticsGroups, facts: Sequence[dict[str, Fact]], first: int = 0
) -> dict[int, int]:
    """Give images to groups one by one; see that no number changes."""
    found: dict[int, int] = {}
    for image, own in enumerate(facts, start=first):
        for one, fact in groups.add(image, own).items():
            assert one not in found, "a number has changed"
            found[one] = int(fact.value)
    return found


def is_right(holes: Sequence[int], found: dict[int, int]) -> bool:
    """Tell whether every image has a group, and each group is one hole."""
    pairs = {(hole, found.get(image)) for image, hole in enumerate(holes)}
    return len(pairs) == len(set(holes)) == len(set(found.values())) and len(found) == len(holes)


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.06])
def test_patterns_are_told_apart_over_a_drifting_day(side: int, jitter: float) -> None:
    """9 and 25 holes, jitter, a drift as far as from hole to hole: groups right and for ever."""
    for seed in (1, 2, 3):
        holes, facts = record(side, 1000, jitter=jitter, seed=seed)
        assert is_right(holes, assign(OpticsGroups(), facts))


def test_groups_come_soon_and_are_numbered_as_they_were_seen() -> None:
    """A pattern of nine is known after 20 images; the first image is of group 1."""
    holes, facts = record(3, 20, drift=0.0)
    found = assign(OpticsGroups(), facts)
    assert is_right(holes, found)
    assert found[0] == 1
    assert sorted(set(found.values())) == list(range(1, 10))


def test_the_same_numbers_follow_a_restart_at_any_image() -> None:
    """What is kept says all: a new daemon goes on as the old one would have."""
    _, facts = record(3, 120)
    at_once = assign(OpticsGroups(), facts)
    groups = OpticsGroups()
    found: dict[int, int] = {}
    for image, own in enumerate(facts):
        found |= {one: int(fact.value) for one, fact in groups.add(image, own).items()}
        groups = groups_from_json(json.loads(json.dumps(groups_to_json(groups))))
    assert found == at_once


def test_groups_are_learnt_again_from_the_images() -> None:
    """Where nothing is remembered, new images join the groups of those that are there."""
    holes, facts = record(5, 600, drift=2.0)
    before = assign(OpticsGroups(), facts[:400])
    learnt = OpticsGroups()
    for image, own in enumerate(facts[:400]):
        learnt.learn(image, {**own, "optics_group": Fact(before[image], "test")})
    after = assign(learnt, facts[400:], first=400)
    assert is_right(holes, before | after)


def test_a_session_without_a_pattern_is_one_group() -> None:
    """Shifts that only jitter, or never change, are of one place."""
    random = np.random.default_rng(4)
    cloud = [facts_of(beam_shift_x=x, beam_shift_y=y) for x, y in random.normal(0, 1, (200, 2))]
    found = assign(OpticsGroups(), cloud)
    assert set(found.values()) == {1}
    assert len(found) == 200
    still = [facts_of(beam_shift_x=0.02, beam_shift_y=0.0)] * 30
    assert set(assign(OpticsGroups(), still).values()) == {1}


def test_places_of_a_multiple_record_need_no_pattern() -> None:
    """SerialEM names hole and position: groups are known at once."""
    facts = [facts_of(multi_shot=place, image_shift_x=1.0, image_shift_y=2.0)
             for place in ("1 1", "1 2", "1 1", "2 1", "1 2")]  # fmt: skip
    assert assign(OpticsGroups(), facts) == {0: 1, 1: 2, 2: 1, 3: 3, 4: 2}


def test_other_conditions_are_other_groups() -> None:
    """The same place at another magnification has a number of its own."""
    near = facts_of(multi_shot="1 1", magnification=105_000.0)
    far = facts_of(multi_shot="1 1", magnification=81_000.0)
    assert assign(OpticsGroups(), [near, far, near]) == {0: 1, 1: 2, 2: 1}


def test_images_without_shifts_have_no_group() -> None:
    """What is not known is not made up; the shifts of a tilt series are no pattern."""
    assert assign(OpticsGroups(), [facts_of(voltage=300.0)] * 50) == {}
    tilts = [
        facts_of(tilt_number=number % 41, image_shift_x=number % 41, image_shift_y=0.0)
        for number in range(82)
    ]
    assert assign(OpticsGroups(), tilts) == {}


def test_a_hole_that_was_never_seen_before_begins_a_group() -> None:
    """A pattern that is enlarged in mid-session keeps its old numbers."""
    _, small = record(3, 100, drift=0.0)
    groups = OpticsGroups()
    before = assign(groups, small)
    new = facts_of(beam_shift_x=-2 * SPACING, beam_shift_y=-2 * SPACING)
    found = assign(groups, [new, new], first=100)
    assert found == {100: 10, 101: 10}
    assert max(before.values()) == 9


def test_too_few_shifts_show_no_pattern() -> None:
    """Before places were visited again nobody can tell jitter from pattern."""
    holes, facts = record(5, 24)
    shifts = [(float(f["beam_shift_x"].value), float(f["beam_shift_y"].value)) for f in facts]
    assert len(set(holes)) > 15
    assert find_pattern(shifts) is None
