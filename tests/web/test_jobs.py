"""Orders that take long tell how far they are, and outlive the page that gave them."""

import os
import threading
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from cryobatch.errors import ConflictError, UnknownNameError, UsageError
from cryobatch.imaging.gain_orientation import Orientation
from cryobatch.processing.image_folder import PARAMETER_FILE
from cryobatch.project import Project
from cryobatch.project.gain_turning import find_unfinished
from cryobatch.project.progress import Done
from cryobatch.web.jobs import KEPT, Jobs, JobState, Result
from tests.export.exported import add_results
from tests.web.browser import PHONE, Visitor, until


def ends_as(jobs: Jobs, job: str, state: JobState) -> Callable[[], bool]:
    """Return what tells whether a job has ended so."""
    return lambda: jobs.find(job).state is state


def test_a_job_tells_how_far_it_is_and_what_it_has_found() -> None:
    """Listeners hear of its beginning and its end at least; the latest of many are kept."""
    told: list[int] = []
    jobs = Jobs(lambda: told.append(1))

    def work(done: Done) -> Result:
        done(3, 4)
        return {"text": "well"}

    for number in range(KEPT + 5):
        job = jobs.start("export", f"Number {number}", work)
        until(ends_as(jobs, job.id, JobState.DONE), "the end")
    assert (job.done, job.of, job.result) == (3, 4, {"text": "well"})
    assert len(told) >= 2 * (KEPT + 5)
    assert len(jobs.listing()) == KEPT
    with pytest.raises(UnknownNameError):
        jobs.find("other")


def test_a_job_fails_in_words_and_stops_where_it_may() -> None:
    """Nothing is done twice at once, and what would be left half done cannot be stopped."""
    jobs = Jobs(lambda: None)
    go_on = threading.Event()

    def refuse(_: Done) -> Result:
        raise UsageError("nothing to export")

    def wait(done: Done) -> Result:
        go_on.wait(20)
        done(1, 2)
        return {}

    failed = jobs.start("export", "A", refuse)
    until(ends_as(jobs, failed.id, JobState.FAILED), "the end")
    assert failed.error == "nothing to export"
    stopped = jobs.start("export", "B", wait, may_stop=True)
    whole = jobs.start("gain", "C", wait)
    with pytest.raises(ConflictError, match="already"):
        jobs.start("gain", "C", wait)
    with pytest.raises(ConflictError, match="cannot be stopped"):
        jobs.stop(whole.id)
    jobs.stop(stopped.id)
    go_on.set()
    until(ends_as(jobs, stopped.id, JobState.STOPPED), "the stop")
    until(ends_as(jobs, whole.id, JobState.DONE), "the end")
    jobs.close()


def test_who_does_not_wait_is_told_later(client: TestClient, project: Project) -> None:
    """An export and a turned gain answer at once with a job; what cannot be is refused at once."""
    add_results(project, 1)
    given = {"name": "r", "kind": "relion", "images": [1, 2]}
    answer = client.post("/api/v1/exports", params={"later": True}, json=given)
    assert answer.status_code == 202
    found = end_of(client, answer.json()["id"])
    assert (found["state"], found["result"]["images"]) == ("done", 1)
    assert found["result"]["text"].startswith("1 image exported to ")
    assert client.post("/api/v1/exports", params={"later": True}, json=given).status_code == 409
    turn = {"rotation": 1, "flip": 0}
    answer = client.post("/api/v1/acquisition/gain/turn", params={"later": True}, json=turn)
    found = end_of(client, answer.json()["id"])
    assert found["result"]["changed"] == len(project.images.rows())
    assert found["done"] == found["of"] == found["result"]["changed"]
    assert len(client.get("/api/v1/jobs").json()["jobs"]) == 2
    assert client.get("/api/v1/jobs/none").status_code == 400
    assert client.post(f"/api/v1/jobs/{found['id']}/stop", json={}).status_code == 409


def test_a_turned_gain_is_stopped_and_finished_on_the_page(visitor: Visitor) -> None:
    """It says what holds after the stop, remembers that some are left, and turns these then."""
    project = visitor.site.project
    record = project.images.folder(2) / PARAMETER_FILE
    content = record.read_bytes()
    record.unlink()
    os.mkfifo(record)  # whoever reads it waits for us
    request = urllib.request.Request(
        f"{visitor.site.address}/api/v1/acquisition/gain/turn?later=true",
        b'{"rotation": 1, "flip": 0}',
        {
            "Authorization": f"Bearer {visitor.site.access.token}",
            "Content-Type": "application/json",
        },
    )
    with visitor.window("/queue", size=PHONE) as page:
        until(lambda: page.locator("#pulse.live").count(), "the stream")
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 202
        toast = page.locator(".toast.job", has_text="Turning the gain reference")
        toast.get_by_role("button", name="Stop").click()
        toast.get_by_text("stopping").wait_for()
        record.write_bytes(content)
        page.locator(".toast.bad", has_text="stopped; those that are turned stay so").wait_for()
        until(lambda: find_unfinished(project) == Orientation(1, 0), "what is left")
        visitor.open(page, "/import")
        page.locator(".gain-verdict", has_text="they were to be turned 90°").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.get_by_role("button", name="Finish").click()
        until(lambda: find_unfinished(project) is None, "the end")
        until(lambda: not page.locator(".gain-verdict", has_text="Not all").count(), "the page")
    facts = {project.images.record(one).fact("gain_rotation") for one in (1, 2, 30)}
    assert facts == {1}


def end_of(client: TestClient, job: str) -> dict[str, Any]:
    """Return a job when it has ended."""

    def show() -> dict[str, Any]:
        found: dict[str, Any] = client.get(f"/api/v1/jobs/{job}").json()
        return found

    until(lambda: show()["state"] != "running", "the end of the job")
    return show()


def test_an_export_goes_on_while_pages_come_and_go(visitor: Visitor) -> None:
    """Every page shows how far it is, after a reload too; its end is told where somebody looks."""
    project = visitor.site.project
    add_results(project, 1)
    record = project.images.folder(2) / PARAMETER_FILE
    content = record.read_bytes()
    record.unlink()
    os.mkfifo(record)  # whoever reads it waits for us
    with visitor.window("/library") as page, visitor.window("/queue") as other:
        page.keyboard.press("e")
        page.get_by_label("Name", exact=True).fill("mine")
        page.get_by_label("all that the table shows").check()
        page.locator(".export .send button").click()
        for one in (page, other):
            one.locator(".toast.job", has_text="Exporting mine").wait_for()
        page.goto(f"{visitor.site.address}/queue")
        page.locator(".toast.job", has_text="Exporting mine").wait_for()
        record.write_bytes(content)
        for one in (page, other):
            one.locator(".toast", has_text="1 image exported to").wait_for()
            assert one.locator(".toast.job").count() == 0
        page.reload()
        page.wait_for_selector("body[data-started]")
        assert page.locator(".toast").count() == 0


def test_a_page_says_so_when_the_server_has_lost_a_job(
    visitor: Visitor, serve_site: Callable[[], object]
) -> None:
    """What was cut off is told once, and not waited for."""
    record = visitor.site.project.images.folder(2) / PARAMETER_FILE
    record.unlink()
    os.mkfifo(record)
    with visitor.window("/library") as page:
        page.keyboard.press("e")
        page.get_by_label("Name", exact=True).fill("mine")
        page.locator(".export .send button").click()
        page.locator(".toast.job").wait_for()
        visitor.site.process.kill()
        visitor.site.process.wait()
        serve_site()
        page.locator(".told", has_text="begun anew").wait_for()
        assert page.locator(".toast.job").count() == 0
