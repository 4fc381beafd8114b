"""A page that draws something anew takes away neither the focus nor what is being pressed."""

from cryobatch.project import Project, Selection
from cryobatch.project.correction import comment_image
from tests.web.browser import Visitor, until
from tests.web.results import add_products
from tests.web.site import IMAGES
from tests.web.test_library_page import shown

FOCUSED = "document.activeElement.getAttribute('aria-label')"


def comment(project: Project, text: str) -> None:
    """Say something of the first image, as somebody else would."""
    project.images.update(Selection(images=(1,)), comment_image(text))


def test_the_focus_stays_where_it_is_while_a_page_changes(visitor: Visitor) -> None:
    """The next image's button is another element then, and has the focus all the same."""
    add_products(visitor.site.project, 1)
    with visitor.window("/image?id=1") as page:
        page.get_by_label("next image").focus()
        comment(visitor.site.project, "crystalline ice")
        page.get_by_text("crystalline ice").wait_for()
        assert page.evaluate(FOCUSED) == "next image"
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUSED) == "flag green"


def test_what_is_pressed_is_not_drawn_anew(visitor: Visitor) -> None:
    """A button that is drawn anew between press and release would lose the click."""
    project = visitor.site.project
    with visitor.window("/image?id=1") as page, visitor.window("/image?id=1") as other:
        box = page.get_by_label("next image").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        page.mouse.down()
        for text in ("thick ice", "a crack"):  # when the second is there, the first has come to all
            comment(project, text)
            other.get_by_text(text).wait_for()
        assert page.get_by_text("thick ice").count() == page.get_by_text("a crack").count() == 0
        page.mouse.up()
        until(lambda: page.evaluate("document.getElementById('main').dataset.shows") == "2",
              "the next image")  # fmt: skip


def test_a_range_is_dragged_while_its_histogram_changes(visitor: Visitor) -> None:
    """Images come and go meanwhile; what a finger has begun to mark stays marked."""
    project = visitor.site.project
    with visitor.window("/library") as page, visitor.window("/library") as other:
        until(lambda: shown(page) == IMAGES, "all images")
        page.keyboard.press("h")
        chart = page.locator(".histogram[data-name='ctf_resolution']")
        box = chart.locator("svg").bounding_box()
        assert box is not None
        y = box["y"] + 20
        page.mouse.move(box["x"] + 1, y)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, y)
        marked = chart.locator(".brush").get_attribute("width")
        project.images.trash(Selection(images=(1, 2)), True)
        until(lambda: shown(page) == shown(other) == IMAGES - 2, "two images less")
        project.images.trash(Selection(images=(3,)), True)
        until(lambda: shown(page) == shown(other) == IMAGES - 3, "one less")
        assert chart.locator(".brush").get_attribute("width") == marked
        page.mouse.up()
        until(lambda: "ctf_resolution <=" in page.evaluate("decodeURIComponent(location.search)"
              ".replaceAll('+', ' ')"), "the range")  # fmt: skip
