"""A person sees what processors do, and what they did in the last hour."""

import os
import socket
import subprocess
import sys
import time

from starlette.testclient import TestClient

from cryobatch.model.event import LogEntry
from cryobatch.project import Project
from cryobatch.store import log, processors
from cryobatch.store.processors import ProcessorRow
from cryobatch.web.api.processors import find_owner
from tests.web.browser import Visitor, until


def work(project: Project) -> None:
    """Let two processors be there, one of which has worked for a minute."""
    now = time.time()
    rows = [ProcessorRow("local-1", "idle", now), ProcessorRow("local-2", "busy", now, 1, 1)]
    entry = LogEntry(now - 60, "done in 60.0 s, 0.50 GB", processor="local-1", script="weigh")
    with project.database.transaction() as t:
        processors.show(t, rows)
        log.append(t, [entry])


def test_the_last_hour_is_told_by_steps(client: TestClient, project: Project) -> None:
    """With the scripts' names; cards tell cores, GPUs and the limit of memory."""
    work(project)
    hour = client.get("/api/v1/processors/utilisation").json()
    assert hour["names"] == ["weigh"]
    strip = hour["processors"]["local-1"]
    assert strip["scripts"].count(0) in {6, 7}
    assert 590 <= sum(strip["shares"]) <= 610
    cards = client.get("/api/v1/processors").json()
    assert cards["threads"] >= 1
    assert cards["memory_limit_gb"] is None
    assert [row["gpus"] for row in cards["rows"]] == [[], []]


def test_memory_is_that_of_all_a_processor_has_started(
    client: TestClient, project: Project
) -> None:
    """Nobody tells it of a process that is gone, or on another machine."""
    host = socket.gethostname()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        rows = [
            ProcessorRow("local-1", "busy", 0.0, host=host, pid=os.getpid()),
            ProcessorRow("local-2", "busy", 0.0, host=host, pid=child.pid),
            ProcessorRow("local-3", "busy", 0.0, host=f"{host}-2", pid=child.pid),
            ProcessorRow("local-4", "lost", 0.0, host=host, pid=2**22 + 1),
        ]
        with project.database.transaction() as t:
            processors.show(t, rows)
        shown = client.get("/api/v1/processors").json()["rows"]
        memory = {row["id"]: row["memory_bytes"] for row in shown}
        assert memory["local-1"] > 1_000_000
        assert memory["local-2"] > 1_000_000
        assert memory["local-3"] is memory["local-4"] is None
    finally:
        child.communicate()


def test_a_machines_processes_are_looked_at_once_for_all() -> None:
    """However many processors there are: a child of a child is the processor's too."""
    parents = {1: 0, 5: 1, 6: 5, 7: 6, 8: 1}
    assert [find_owner(pid, parents, {5: "local-1"}) for pid in (5, 7, 8, 9)] == [
        "local-1", "local-1", None, None,
    ]  # fmt: skip


def test_strips_appear_by_themselves(visitor: Visitor) -> None:
    """Each card says its share in words too, and the colours have names."""
    with visitor.window("/processors") as page:
        work(visitor.site.project)
        until(lambda: page.locator(".card").count() == 2, "the cards")
        page.reload()
        said = page.locator(".card").first.locator(".hour")
        until(lambda: "busy" in said.inner_text(), "the share")
        assert "busy" in str(said.locator("canvas").get_attribute("aria-label"))
        assert "weigh" in page.locator(".legend").inner_text()
