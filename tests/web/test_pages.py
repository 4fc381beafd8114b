"""A person sees and steers the session in a real browser."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.web.browser import PHONE, Visitor, until
from tests.web.site import IMAGES, Site

SHOWN = """[...document.querySelectorAll(".ag-row")]
    .map(row => [Number(row.getAttribute("row-index")), row.querySelector("[col-id=id]")])
    .filter(([_, cell]) => cell && cell.textContent)
    .sort(([one], [other]) => one - other)
    .map(([_, cell]) => Number(cell.textContent))"""


def batches(page: Page) -> list[int]:
    """Return the batches that the queue's table shows, from the top."""
    found: list[int] = page.evaluate(SHOWN)
    return found


def address(page: Page) -> str:
    """Return where a page is now."""
    return str(page.evaluate("location.href"))


def top(page: Page) -> int:
    """Return the first batch that is shown, 0 while there is none."""
    return next(iter(batches(page)), 0)


def tick(page: Page, *rows: int) -> None:
    """Select rows by their boxes."""
    for row in rows:
        page.locator(f".ag-row[row-index='{row}'] input[type=checkbox]").check()


def test_the_session_shows_how_it_goes(visitor: Visitor) -> None:
    """Numbers, words, charts and pictures; and they change by themselves."""
    with visitor.window("/") as page:
        tiles = page.locator(".tile").all_inner_texts()
        assert any(text.startswith(f"Imported\n{IMAGES}") for text in tiles)
        assert page.locator(".chart canvas").count() == 6
        assert "nothing is worked on" in page.locator(".notices").inner_text()
        visitor.site.project.queue.clear()
        waiting = page.locator(".tile", has_text="Waiting")
        until(lambda: "\n0\n" in waiting.inner_text(), "an empty queue on the page")


def test_batches_are_moved_by_buttons_and_keys(visitor: Visitor) -> None:
    """What is selected goes to the top or the bottom, and comes back out with an undo."""
    queue = visitor.site.project.queue
    with visitor.window("/queue") as page:
        until(lambda: len(batches(page)) > 9, "the table")
        tick(page, 4, 6)
        page.get_by_role("button", name="Top").click()
        until(lambda: batches(page)[:3] == [5, 7, 1], "the new order")
        page.keyboard.press("b")
        until(lambda: batches(page)[:3] == [1, 2, 3], "the order after that")
        assert [row.batch.id for row in queue.listing()][-2:] == [5, 7]
        tick(page, 0)
        page.keyboard.press("x")
        until(lambda: top(page) == 2, "the batch to be out")
        page.get_by_role("button", name="Undo").click()
        until(lambda: top(page) == IMAGES + 1, "the batch to be back on top")


def test_a_batch_is_dragged_to_the_top(visitor: Visitor) -> None:
    """By its handle; the server's word comes back at once."""
    with visitor.window("/queue") as page:
        until(lambda: len(batches(page)) > 9, "the table")
        handle = page.locator(".ag-row[row-index='7'] .handle").bounding_box()
        first = page.locator(".ag-row[row-index='0']").bounding_box()
        assert handle is not None
        assert first is not None
        page.mouse.move(handle["x"] + 6, handle["y"] + 6)
        page.mouse.down()
        page.mouse.move(handle["x"] + 6, handle["y"] - 40, steps=3)
        page.mouse.move(first["x"] + 90, first["y"] + 4, steps=3)
        assert page.locator(".ghost").count() == 1
        page.mouse.up()
        until(lambda: top(page) == 8, "the dragged batch on top")
        assert visitor.site.project.queue.listing()[0].batch.id == 8


def test_two_browsers_see_the_same(visitor: Visitor) -> None:
    """What one person does, another sees without asking; a guest may only look."""
    guest = visitor.site.access.guest
    with visitor.window("/queue") as one, visitor.window("/queue", token=guest) as other:
        until(lambda: len(batches(one)) > 9 and len(batches(other)) > 9, "both tables")
        assert other.get_by_role("button", name="Pause").is_hidden()
        assert other.locator(".handle").count() == 0
        one.get_by_role("button", name="Pause").click()
        until(lambda: "paused" in other.locator(".bar").inner_text(), "the pause")
        one.get_by_role("button", name="Clear").click()
        one.get_by_role("button", name="out?").click()
        until(lambda: "Nothing waits" in other.locator("main").inner_text(), "the empty queue")


def test_the_log_is_filtered_and_followed(visitor: Visitor) -> None:
    """By level and text, kept in the address; new rows come by themselves; texts stay texts."""
    rows = ".ag-row [col-id=text]"
    with visitor.window("/log") as page:
        until(lambda: page.locator(rows).count() > 5, "the log")
        assert page.locator(rows).first.inner_text().startswith("<b>row</b>")
        assert page.locator(f"{rows} b").count() == 0
        visitor.site.project.log.write("a new row")
        until(lambda: "a new row" in page.locator("main").inner_text(), "the new row")
        page.get_by_role("button", name="Errors").click()
        until(lambda: "6 rows" in page.locator(".bar").inner_text(), "six errors")
        page.get_by_placeholder("Text").fill("thon")
        until(lambda: "text=thon" in address(page), "the address")
        page.reload()
        until(lambda: page.locator(rows).count() == 6, "the same rows after a reload")


def test_a_phone_shows_the_image_of_each_row_of_the_log(visitor: Visitor) -> None:
    """Time, level, image and text have room side by side; a name is a link."""
    with visitor.window("/log", size=PHONE) as page:
        row = page.locator(".ag-center-cols-container .ag-row[row-index='0']")
        until(lambda: "row" in row.inner_text(), "the log")
        for column in ("time", "level", "image", "text"):
            cell = row.locator(f"[col-id={column}]")
            assert cell.is_visible()
            box = cell.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= PHONE[0]
        assert row.get_by_role("img", name="info").is_visible()
        row.locator("[col-id=image] a").click()
        page.wait_for_url("**/image?id=*")


def test_the_number_of_processors_is_set(visitor: Visitor) -> None:
    """The wish reaches the daemon; without one the page says how to start it."""
    with visitor.window("/processors") as page:
        assert "cryobatch serve" in page.locator("main").inner_text()
        page.get_by_label("How many processors").fill("3")
        page.get_by_role("button", name="Set").click()
        wishes = visitor.site.project.workforce.read_wishes
        until(lambda: wishes().processors == 3, "the wish")


def test_keys_lead_everywhere_and_are_listed(visitor: Visitor) -> None:
    """``g q`` opens the queue; ``?`` lists all keys of the page."""
    with visitor.window("/") as page:
        page.keyboard.press("g")
        page.keyboard.press("q")
        page.wait_for_url("**/queue")
        page.wait_for_selector("body[data-started]")
        page.keyboard.press("?")
        assert "put what is selected on top" in page.locator("dialog.keys").inner_text()
        page.keyboard.press("Escape")
        until(lambda: page.locator("dialog.keys").count() == 0, "the list to close")


def test_a_page_survives_a_restart_of_the_server(
    visitor: Visitor, serve_site: Callable[[], Site]
) -> None:
    """It says that the connection is lost, comes back by itself, and shows what was missed."""
    with visitor.window("/queue") as page:
        until(lambda: len(batches(page)) > 9, "the table")
        until(lambda: page.locator("#pulse.live").count(), "the stream")
        tick(page, 3)
        visitor.site.process.kill()
        visitor.site.process.wait()
        until(lambda: page.locator("#pulse.lost").count(), "the loss")
        visitor.site.project.queue.to_top([9])
        serve_site()
        until(lambda: page.locator("#pulse.live").count(), "the stream again")
        until(lambda: top(page) == 9, "what was missed")
        assert "1 selected" in page.locator(".bar").inner_text()
