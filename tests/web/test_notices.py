"""What somebody should know is said in words, with where to look."""

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from cryobatch.model.batch import BatchState
from cryobatch.project import Project
from cryobatch.project.forecast import Forecast, Rates, find_caught_up, find_full, make_forecast
from cryobatch.project.session import Summary, summarise
from cryobatch.web.api.notices import Limits, find_notices
from tests.web.failing import fail_next

CALM = Forecast(None, None, None)


@pytest.fixture
def summary(project: Project) -> Summary:
    """Return a session in which nothing needs anybody."""
    found = summarise(project)
    batches = dict.fromkeys(BatchState, 0)
    images = replace(found.images, failed=0)
    return replace(found, batches=batches, images=images, forecast=CALM, keeps_up=None,
                   disk_free_bytes=900, disk_bytes=1000)  # fmt: skip


def rows(count: int, **values: object) -> list[dict[str, Any]]:
    """Return the latest images of a grid square (Any: as the library has them)."""
    return [{"id": one, "group": "GridSquare_5", "state": "done", **values}
            for one in range(count)]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"drift_range": 41.0}, "from grid square 5 drift more than 40 Å"),
        ({"ctf_resolution": 7.0}, "no further than 6 Å"),
        ({"ice_ring": 1.4}, "crystalline ice"),
        ({"defocus_u": 90_000.0}, "between 0.2 and 7 µm"),
        ({"particle_count": 2}, "fewer than 5 particles"),
        ({"flag": "red"}, "flagged red"),
    ],
)
def test_bad_images_in_a_row_are_told_by_square(
    summary: Summary, values: dict[str, object], words: str
) -> None:
    """With the images; four of them, or a good one as the latest, are nothing to tell."""
    limits = Limits(drift_angstrom=40.0)
    (found,) = find_notices(summary, rows(12, **values), limits)
    assert found.text.startswith("The last 12 images")
    assert words in found.text
    assert found.where == f"id in ({', '.join(map(str, range(12)))})"
    assert find_notices(summary, rows(4, **values), limits) == []
    good = {"drift_range": 5.0, "ctf_resolution": 3.0, "ice_ring": 1.0, "defocus_u": 1e4,
            "particle_count": 99, "flag": "green"}  # fmt: skip
    assert find_notices(summary, [*rows(1, **good), *rows(12, **values)], limits) == []


def test_a_disk_that_fills_is_told_in_time(summary: Summary) -> None:
    """When, and how fast; not what is far away."""
    soon = replace(summary, forecast=Forecast(None, 340e9, 9 * 3600.0))
    (found,) = find_notices(soon, [])
    assert found.text.startswith("The disk is full in about 9 h at this rate (340 GB an hour)")
    assert found.page == "/settings#disk"
    late = replace(summary, forecast=Forecast(None, 340e9, 90 * 3600.0))
    assert find_notices(late, []) == []
    near = replace(summary, forecast=Forecast(None, 340e9, 1500.0))
    assert "in about 25 min" in find_notices(near, [])[0].text


def test_falling_behind_is_told_with_the_pace(summary: Summary) -> None:
    """How many come and how many end."""
    backlog = [1, 1, 1, 1, 1, 2, 5, 60]
    paced = replace(summary, submitted_an_hour=120.0, done_an_hour=40.0)
    behind = replace(paced, keeps_up=False, backlog=backlog)
    (found,) = find_notices(behind, [])
    assert "120 an hour come, 40 end" in found.text


def test_the_forecast_follows_from_the_rates() -> None:
    """Nobody can tell where nothing is gained, or nothing is written."""
    assert find_caught_up(100, Rates(0, 100, 100)) is None
    assert find_caught_up(0, Rates(0, 0, 100)) is None
    assert find_caught_up(50, Rates(0, 0, 100)) == 1800.0
    assert find_full(100.0, 10.0, 0.0) is None
    assert find_full(5.0, 10.0, 1.0) == 0.0


def test_images_tell_how_fast_the_disk_fills(project: Project) -> None:
    """By what is in the latest ones' folders, at the rate at which batches end."""
    for one in (1, 2, 3):
        (project.images.folder(one) / "micrograph.mrc").write_bytes(bytes(1_000_000))
    found = make_forecast(project, [1, 2, 3, 999], Rates(0, 0, 100), 10, (10**12, 10**11))
    assert found.filling_bytes_an_hour == pytest.approx(100e6, rel=0.01)
    assert found.full_in_s == pytest.approx(90e9 / 100e6 * 3600, rel=0.01)
    assert found.caught_up_s == 360.0


def test_failures_lead_to_their_causes(client: TestClient, project: Project) -> None:
    """The session names the page."""
    fail_next(project, [{"weigh": "no room"}])
    session = client.get("/api/v1/session").json()
    (told,) = [one for one in session["notices"] if "failed" in one["text"]]
    assert told["page"] == "/failures"
    assert session["forecast"]["full_in_s"] is None
