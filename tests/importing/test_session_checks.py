"""Checks of a session by its last images: faults within ten images, no alarm in 500 right ones."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from cryobatch.importing.doubts.session_checks import (
    Alarm,
    Evidence,
    Stated,
    judge_dose,
    judge_gain,
)

STATED = Stated("gain.mrc", 1.0, False, 1.2)


def make_right(count: int, seed: int = 1) -> list[Evidence]:
    """Return images of a good session: ice takes 5 to 25 %, some are dark."""
    random = np.random.default_rng(seed)
    ice = random.uniform(-25.0, -5.0, count)
    dark = random.random(count) < 0.05
    return [
        Evidence(
            image=number, gain_verdict="fits", gain_fit=random.normal(0.97, 0.02),
            gain_fit_error=0.01, gain_best="gain_rotation=0 gain_flip=0",
            dose_disagreement=-95.0 if dark[number] else ice[number],
        )
        for number in range(count)
    ]  # fmt: skip


def judge(images: Sequence[Evidence], stated: Stated = STATED) -> list[Alarm]:
    """Judge images as the guard does: the last of them, of the gain more."""
    return [*judge_gain(images[-40:], stated), *judge_dose(images[-9:], stated)]


def first_alarm(images: Sequence[Evidence]) -> tuple[int, Alarm] | None:
    """Return after how many images there is an alarm, and which."""
    for number in range(1, len(images) + 1):
        alarms = judge(images[:number])
        if alarms:
            return number, alarms[0]
    return None


def spoil(images: Sequence[Evidence], ratio: float) -> list[Evidence]:
    """Return images whose measured dose is so many times what it should be."""
    right = [1.0 + (one.dose_disagreement or 0.0) / 100.0 for one in images]
    return [
        replace(one, dose_disagreement=100.0 * (share * ratio - 1.0))
        for one, share in zip(images, right, strict=True)
    ]


def test_500_right_images_give_no_alarm() -> None:
    """Whatever ice and a few dark images do."""
    for seed in range(4):
        assert first_alarm(make_right(500, seed)) is None


@pytest.mark.parametrize(
    ("ratio", "suspect"),
    [(0.25, "the pixel size (1 Å is stated, 0."), (4.0, "the pixel size"),
     (2.0, "the dose per frame"), (0.5, "the dose per frame")],
)  # fmt: skip
def test_a_wrong_dose_or_pixel_size_is_told_within_ten_images(ratio: float, suspect: str) -> None:
    """Pixel size x 2 or dose x 4: a quarter; at the start and in mid-session."""
    wrong = spoil(make_right(10), ratio)
    found = first_alarm(wrong)
    assert found is not None
    assert found[1].text.partition("suspects: ")[2].startswith(suspect)
    later = first_alarm([*make_right(60), *wrong])
    assert later is not None
    assert later[0] <= 70


def test_the_order_of_suspects_follows_what_is_known() -> None:
    """A calibrated pixel size is trusted; a gain that does not fit comes first."""
    wrong = spoil(make_right(9), 0.25)
    sure = judge_dose(wrong, replace(STATED, pixel_size_sure=True))
    assert sure[0].text.partition("suspects: ")[2].startswith("the dose per frame")
    foreign = [replace(one, gain_verdict="foreign", gain_fit=0.0) for one in wrong]
    text = judge_dose(foreign, STATED)[0].text
    assert text.partition("suspects: ")[2].startswith("the gain reference, which does not fit")


def test_a_turned_gain_is_told_with_what_corrects_it() -> None:
    """At the second image; the words are a command."""
    best = "gain_rotation=1 gain_flip=0"
    turned = [
        replace(one, gain_verdict="turned", gain_fit=0.0, gain_best=best) for one in make_right(10)
    ]
    found = first_alarm(turned)
    assert found is not None
    number, alarm = found
    assert number == 2
    assert f"cryobatch image set {best} --all" in alarm.text


def test_a_gain_that_fits_no_more_is_told_with_its_first_image() -> None:
    """It concerns exactly the images from there on."""
    right = make_right(30)
    foreign = [replace(one, image=30 + one.image, gain_verdict="foreign", gain_fit=0.02)
               for one in make_right(5)]  # fmt: skip
    (alarm,) = judge_gain([*right, *foreign], STATED)
    assert "fits no more since image 30" in alarm.text
    assert alarm.images == (30, 31, 32, 33, 34)


def test_images_that_a_gain_fits_less_than_others_are_marked() -> None:
    """A camera that was conditioned anew shows a part of its old pattern; noise is no reason."""
    weak = [replace(one, image=30 + one.image, gain_fit=0.55) for one in make_right(4)]
    (alarm,) = judge_gain([*make_right(30), *weak], STATED)
    assert alarm.images == (30, 31, 32, 33)
    assert alarm.doubt
    noisy = [replace(one, gain_fit_error=0.1) for one in weak]
    assert judge_gain([*make_right(30), *noisy], STATED) == []


def test_too_few_images_are_no_session() -> None:
    """One stray image alarms nobody; nor do images of which nothing is known."""
    wrong = spoil(make_right(4), 4.0)
    assert judge_dose(wrong, STATED) == []
    stray = replace(make_right(1)[0], gain_verdict="foreign", gain_fit=0.0)
    assert judge_gain([*make_right(9), stray], STATED) == []
    assert judge([Evidence(image=one) for one in range(20)]) == []
