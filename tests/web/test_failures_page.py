"""A person sees why images fail, and has them tried again, in a real browser."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from starlette.testclient import TestClient

from cryobatch.project import Project
from tests.web.browser import PHONE, Visitor, until
from tests.web.failing import fail_next

REASONS = [
    {"weigh": "used 2.31 GB of memory, the processor's limit is 2 GB"},
    {"weigh": "used 2.58 GB of memory, the processor's limit is 2 GB"},
    {"weigh": "<b>image_3</b>: the file is cut off"},
]

# In the page itself: what a browser's protocol holds back, it may lose when much is going on.
HOLD = """(slow) => {
  const ask = window.fetch;
  window.fetch = async (address, ...rest) => {
    if (String(address).endsWith(slow)) await new Promise((go) => { window.held = go; });
    return ask(address, ...rest);
  };
}"""


def said(page: Page) -> list[str]:
    """Return the causes' messages."""
    return page.locator(".cause .said").all_inner_texts()


def test_causes_are_listed_explained_and_retried(client: TestClient, project: Project) -> None:
    """By REST as on the page; an unknown cause is told."""
    fail_next(project, REASONS)
    found = client.get("/api/v1/failures").json()
    assert [(one["pattern"], one["images"]) for one in found["causes"]] == [
        ("<b>…</b>: the file is cut off", 1),
        ("used # GB of memory, the processor's limit is # GB", 2),
    ]
    assert found["images"] == 3
    memory = found["causes"][1]
    shown = client.get(f"/api/v1/failures/{memory['id']}").json()
    assert [one["image_id"] for one in shown["failed"]] == [2, 1]
    assert shown["account"]["again"].endswith("--images 2 --scripts weigh --top")
    assert shown["account"]["program"].endswith("weigh.sh")
    done = client.post("/api/v1/failures/retry", json={"causes": [memory["id"]]}).json()
    assert len(done["batches"]) == 2
    gone = client.get(f"/api/v1/failures/{memory['id']}")
    assert (gone.status_code, "made good" in gone.json()["error"]) == (400, True)


def test_failures_appear_and_go_by_themselves(visitor: Visitor) -> None:
    """An empty page says so; what fails is there at once; what is retried is gone, with an undo."""
    project = visitor.site.project
    with visitor.window("/failures") as page:
        assert "Nothing has failed" in page.locator("main").inner_text()
        fail_next(project, REASONS)
        until(lambda: len(said(page)) == 2, "the causes")
        assert page.locator(".cause b").count() == 0
        page.locator(".cause", has_text="memory").click()
        side = page.locator(".account")
        until(lambda: "submit --images 2" in side.inner_text(), "the command")
        assert "image_2" in side.locator(".failed-images").inner_text()
        page.get_by_role("button", name="Retry all 2").click()
        until(lambda: len(said(page)) == 1, "the cause to go")
        assert len(project.queue.listing()) == 30 - 3 + 2
        page.get_by_role("button", name="Undo").click()
        until(lambda: len(said(page)) == 2, "the cause to be back")


def test_a_cause_leads_to_its_rows_and_images(visitor: Visitor) -> None:
    """The log shows the rows of the cause, the library its images; the address keeps the cause."""
    fail_next(visitor.site.project, REASONS)
    with visitor.window("/failures") as page:
        until(lambda: page.locator(".account").is_visible(), "the first cause")
        page.keyboard.press("j")
        until(lambda: "memory" in page.locator(".account").inner_text(), "the second cause")
        page.reload()
        until(lambda: "memory" in page.locator(".account").inner_text(), "the same one again")
        page.get_by_role("link", name="In the log").click()
        page.wait_for_selector("body[data-started]")
        until(lambda: page.locator(".ag-row [col-id=text]").count() == 2, "its rows")
        page.go_back()
        until(lambda: page.locator(".account").is_visible(), "the page again")
        page.get_by_role("link", name="In the library").click()
        page.wait_for_selector("body[data-started]")
        until(lambda: page.locator(".ag-center-cols-container .ag-row").count() == 2, "its images")


def test_a_single_image_is_found_in_the_library(visitor: Visitor) -> None:
    """And none whose number is a part of its own."""
    visitor.site.project.queue.to_top([12])
    fail_next(visitor.site.project, REASONS[:1])
    with visitor.window("/failures") as page:
        page.get_by_role("link", name="In the library").click()
        page.wait_for_selector("body[data-started]")
        until(lambda: "1 of 30 images" in page.locator("main").inner_text(), "the image")
        assert "image_12" in page.locator(".ag-center-cols-container .ag-row").inner_text()


def test_an_answer_that_comes_late_turns_no_cause_back(
    client: TestClient, visitor: Visitor
) -> None:
    """Who goes on with the keys sees the cause that was chosen last."""
    fail_next(visitor.site.project, REASONS)
    slow = client.get("/api/v1/failures").json()["causes"][1]["id"]
    with visitor.window("/failures") as page:
        side = page.locator(".account")
        until(lambda: "cut off" in side.inner_text(), "the first cause")
        page.evaluate(HOLD, slow)
        page.keyboard.press("j")
        until(lambda: page.evaluate("() => Boolean(window.held)"), "the question")
        page.keyboard.press("k")
        until(lambda: page.locator(".cause[aria-current=true]", has_text="cut off").count(), "it")
        with page.expect_response(f"**/api/v1/failures/{slow}"):
            page.evaluate("() => window.held()")
        page.evaluate("() => new Promise((done) => setTimeout(done))")
        assert "memory" not in side.inner_text()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_an_open_cause_has_no_serious_findings_of_axe(visitor: Visitor, theme: str) -> None:
    """The chosen one in the list and all that is said about it can be read by everybody."""
    fail_next(visitor.site.project, REASONS)
    with visitor.window("/failures") as page:
        page.evaluate("theme => localStorage.setItem('cryobatch-theme', theme)", theme)
        page.reload()
        until(lambda: page.locator(".account").is_visible(), "the first cause")
        found = Axe().run(page).response["violations"]
        serious = [(one["id"], one["nodes"][0]["html"][:120]) for one in found
                   if one["impact"] in {"serious", "critical"}]  # fmt: skip
        assert serious == []


def test_on_a_phone_a_cause_covers_the_list(visitor: Visitor) -> None:
    """And is closed again; nothing sticks out."""
    fail_next(visitor.site.project, REASONS)
    with visitor.window("/failures", size=PHONE) as page:
        until(lambda: len(said(page)) == 2, "the causes")
        assert page.locator(".account").is_hidden()
        page.locator(".cause").first.click()
        until(lambda: page.locator(".account").is_visible(), "the cause")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        page.locator(".account").get_by_role("button", name="Close").click()
        assert page.locator(".account").is_hidden()


def test_a_guest_retries_nothing(visitor: Visitor) -> None:
    """They see the causes, and no button."""
    fail_next(visitor.site.project, REASONS)
    with visitor.window("/failures", token=visitor.site.access.guest) as page:
        until(lambda: len(said(page)) == 2, "the causes")
        assert page.get_by_role("button", name="Retry").first.is_hidden()
