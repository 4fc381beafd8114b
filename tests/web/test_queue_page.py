"""A person finds batches in a long queue, and what has become of those that left it."""

from playwright.sync_api import Page
from starlette.testclient import TestClient

from cryobatch.model.batch import BatchState
from cryobatch.store import queue
from tests.web.browser import Visitor, until
from tests.web.site import IMAGES
from tests.web.test_pages import address, batches, tick, top


def bar(page: Page) -> str:
    """Return what stands above the table."""
    return page.locator(".bar").first.inner_text()


def test_batches_are_found_by_names_and_keep_their_places(client: TestClient) -> None:
    """By a part of the image's name in any case, by group, by script; page by page."""
    first = client.get("/api/v1/queue").json()["rows"]
    name = first[6]["image"]
    client.post("/api/v1/queue/top", json={"ids": [first[6]["id"]]})
    found = client.get("/api/v1/queue", params={"text": name.upper()}).json()
    assert [(row["image"], row["place"]) for row in found["rows"]] == [(name, 1)]
    assert found["total"] == 1
    everything = {"text": first[0]["group"][:3], "limit": 4, "offset": 5}
    page = client.get("/api/v1/queue", params=everything).json()
    assert (page["total"], [row["place"] for row in page["rows"]]) == (IMAGES, [6, 7, 8, 9])
    assert client.get("/api/v1/queue", params={"text": "weigh"}).json()["total"] == IMAGES
    assert client.get("/api/v1/queue", params={"text": "%"}).json()["total"] == 0


def test_a_filter_keeps_its_place_in_the_address(visitor: Visitor) -> None:
    """What is found shows where it stands in the whole queue, and goes to the top of that."""
    queued = visitor.site.project.queue
    wanted = queued.listing()[22]
    with visitor.window("/queue") as page:
        until(lambda: len(batches(page)) > 9, "the table")
        page.keyboard.press("/")
        page.keyboard.type(wanted.image)
        until(lambda: batches(page) == [wanted.batch.id], "the one that is wanted")
        assert page.locator(".ag-row .place").inner_text().endswith("23")
        assert f"find={wanted.image}" in address(page)
        tick(page, 0)
        page.get_by_role("button", name="Top").click()
        until(lambda: page.locator(".ag-row .place").inner_text().endswith("\n1"), "its new place")
        assert queued.listing()[0].batch.id == wanted.batch.id
        page.reload()
        until(lambda: batches(page) == [wanted.batch.id], "the same after a reload")
        page.get_by_label("Find in the queue").fill("")
        until(lambda: top(page) == wanted.batch.id and len(batches(page)) > 9, "all of them")


def test_what_failed_is_shown_with_why_and_queued_anew(visitor: Visitor) -> None:
    """Only those that are selected."""
    project = visitor.site.project
    with project.database.transaction() as t:
        for moment in (1.0, 2.0):
            batch = queue.claim(t, "local-1", moment)
            assert batch is not None
            queue.finish(t, batch.id, batch.attempt, BatchState.FAILED, {"weigh": "too heavy"},
                         moment + 0.5)  # fmt: skip
    with visitor.window("/queue?show=failed") as page:
        until(lambda: batches(page) == [2, 1], "the failed ones")
        assert "weigh: too heavy" in page.locator(".ag-row").first.inner_text()
        assert page.get_by_role("button", name="Top").is_hidden()
        tick(page, 0)
        page.get_by_role("button", name="Retry", exact=True).click()
        until(lambda: "29 waiting" in bar(page), "it in the queue")
