"""A page tells the browser at once what it will need."""

from cryobatch.web.files import COMPONENTS
from cryobatch.web.modules import find_modules
from cryobatch.web.pages.frame import PAGES
from tests.web.browser import Visitor


def test_a_page_names_all_modules_that_it_loads(visitor: Visitor) -> None:
    """Nothing is found out only when another module has come."""
    with visitor.window() as window:
        for page in PAGES:
            visitor.open(window, page.path)
            asked = window.evaluate(
                "performance.getEntriesByType('resource').map(one => new URL(one.name).pathname)"
            )
            scripts = {one for one in asked if one.endswith(".js")} - {"/components/theme.js"}
            late = scripts - set(find_modules(page.module))
            assert late <= {"/components/shared-stream.js"}, page.path


def test_only_files_that_are_there_are_named() -> None:
    """Each is a component or a library, and is named once."""
    for page in PAGES:
        found = find_modules(page.module)
        assert len(set(found)) == len(found)
        ours = [one for one in found if one.startswith("/components/")]
        assert all((COMPONENTS / one.rpartition("/")[2]).is_file() for one in ours)
        assert all(one.startswith("/libraries/") for one in found if one not in ours)
