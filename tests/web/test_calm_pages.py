"""A page of a busy session asks no more often than the server has something new."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Route

from cryobatch.project import Project
from tests.web.browser import Visitor

BUSY_MS = 8_000
COUNTED_MS = 4_000
RENEWED_S = 0.5


@contextmanager
def happening(project: Project) -> Iterator[None]:
    """Let something change five times a second."""
    ended = threading.Event()

    def change() -> None:
        while not ended.wait(0.2):
            project.log.write("one more row")

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_changes_do_not_add_up_to_ever_more_questions(visitor: Visitor, project: Project) -> None:
    """An answer that is older than a change is asked for again once, however many changes come."""
    asked: list[float] = []

    def answer_late(route: Route) -> None:
        """Answer with what was so before the last change, as a busy server does."""
        asked.append(time.monotonic())
        answer = route.fetch().json()
        route.fulfill(json={**answer, "event": 0, "renewed_in_s": RENEWED_S})

    with visitor.window("/queue") as page, happening(project):
        page.route("**/api/v1/failures", answer_late)
        visitor.open(page, "/failures")
        page.wait_for_timeout(BUSY_MS)
        asked.clear()
        page.wait_for_timeout(COUNTED_MS)
        page.unroute_all(behavior="wait")
        assert 1 <= len(asked) <= COUNTED_MS / 1000 / RENEWED_S
