"""A page of a busy session asks no more often than the server has something new."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cryobatch.project import Project
from tests.web.browser import Visitor

BUSY_MS = 8_000
COUNTED_MS = 4_000


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
    asked: list[str] = []
    with visitor.window("/failures") as page, happening(project):
        page.wait_for_timeout(BUSY_MS)
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(COUNTED_MS)
        questions = [url for url in asked if url.endswith("/api/v1/failures")]
        assert 1 <= len(questions) <= COUNTED_MS / 500
