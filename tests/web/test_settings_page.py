"""A person sees what holds, and changes it, in a real browser."""

from playwright.sync_api import Page
from starlette.testclient import TestClient

from cryobatch.project import Project
from cryobatch.project.settings_file import SettingsFile
from tests.web.browser import PHONE, Visitor, until

FACTOR = "#setting-parameters-weigh-factor"


def written(project: Project) -> str:
    """Return what project.toml holds."""
    return project.place.settings.read_text()


def bar(page: Page) -> str:
    """Return what is said about the changes."""
    return page.locator(".save-bar").inner_text()


def open_script(page: Page) -> None:
    """Show the parameters of the script."""
    page.locator("details.script:has(code:text-is('weigh')) summary").click()


def test_settings_are_read_tried_and_changed(client: TestClient, project: Project) -> None:
    """By REST as on the page; 409 with the settings of now when somebody else came first."""
    now = client.get("/api/v1/settings").json()
    weigh = next(one for one in now["scripts"] if one["name"] == "weigh")
    factor = weigh["parameters"][0]
    assert (factor["value"], factor["source"], factor["high"]) == (1.0, "default", 10)
    body = {"version": now["version"],
            "changes": [{"path": ["parameters", "weigh", "factor"], "value": 3}]}  # fmt: skip
    effects = client.post("/api/v1/settings/preview", json=body).json()["effects"]
    assert "stale" in effects[0]
    assert "factor" not in written(project)
    assert client.put("/api/v1/settings", json=body).status_code == 200
    assert "[parameters.weigh]\nfactor = 3\n" in written(project)
    late = client.put("/api/v1/settings", json=body)
    assert late.status_code == 409
    assert late.json()["now"]["version"] != now["version"]
    wrong = {"changes": [{"path": ["parameters", "weigh", "factor"], "value": 11}]}
    answer = client.put("/api/v1/settings", json=wrong)
    assert (answer.status_code, "from 0 to 10" in answer.json()["error"]) == (400, True)


def test_no_page_says_where_files_are_written(client: TestClient, project: Project) -> None:
    """Places on the disk are changed in the file, or on the command line."""
    for path in (["copy", "to"], ["processors", "scratch"], ["acquisition", "gain"]):
        body = {"changes": [{"path": path, "value": "/etc"}]}
        answer = client.put("/api/v1/settings", json=body)
        assert (answer.status_code, "project.toml" in answer.json()["error"]) == (400, True)
    assert "/etc" not in written(project)


def test_a_setting_is_changed_and_taken_back(visitor: Visitor) -> None:
    """The effect is said before; an undo afterwards; another browser sees it."""
    project = visitor.site.project
    with visitor.window("/settings") as page, visitor.window("/settings") as other:
        open_script(page)
        page.fill(FACTOR, "2.5")
        until(lambda: "stale" in bar(page), "the effect")
        page.get_by_role("button", name="Save").click()
        until(lambda: "factor = 2.5" in written(project), "the file")
        until(lambda: other.locator(FACTOR).input_value() == "2.5", "the other browser")
        page.get_by_role("button", name="Undo").click()
        until(lambda: "factor" not in written(project), "the undo")
        page.fill("#setting-queue-max_losses", "0")
        until(lambda: "bounds" in bar(page), "the refusal")
        page.get_by_role("button", name="Discard").click()
        until(lambda: page.locator(".save-bar").is_hidden(), "nothing to keep")


def test_two_people_do_not_overwrite_each_other(visitor: Visitor) -> None:
    """Who comes second sees both, and decides."""
    project = visitor.site.project
    with visitor.window("/settings") as page:
        open_script(page)
        page.fill(FACTOR, "2.5")
        until(lambda: "stale" in bar(page), "the effect")
        SettingsFile(project).change({("parameters", "weigh", "factor"): 7.0})
        page.get_by_role("button", name="Save").click()
        until(lambda: "7 in the file, 2.5 here" in bar(page), "both")
        page.get_by_role("button", name="Keep mine").click()
        until(lambda: "factor = 2.5" in written(project), "the decision")
    # The browser's console tells of every refusal; this one was meant.
    visitor.faults[:] = [fault for fault in visitor.faults if "409 (Conflict)" not in fault]


def test_a_workflow_is_added_renamed_and_removed(visitor: Visitor) -> None:
    """Its order is shown as it will run; a name that is taken is refused."""
    project = visitor.site.project
    with visitor.window("/settings") as page:
        page.get_by_role("button", name="Add a workflow").click()
        side = page.locator(".side")
        page.get_by_label("Name of the workflow").fill("movie")
        side.get_by_label("Weigh").check()
        until(lambda: "already" in side.inner_text(), "the refusal")
        page.get_by_label("Name of the workflow").fill("quick")
        until(lambda: side.locator(".plan li").count() > 0, "the order")
        side.get_by_role("button", name="Take over").click()
        page.get_by_role("button", name="Save").click()
        until(lambda: 'quick = ["weigh"]' in written(project), "the workflow")
        page.get_by_role("button", name="Edit quick").click()
        page.get_by_label("Name of the workflow").fill("light")
        side.get_by_role("button", name="Take over").click()
        page.get_by_role("button", name="Save").click()
        until(lambda: 'light = ["weigh"]' in written(project), "the new name")
        assert "quick" not in written(project)
        page.get_by_role("button", name="Edit light").click()
        side.get_by_role("button", name="Remove").click()
        page.get_by_role("button", name="Save").click()
        until(lambda: "light" not in written(project), "the removal")


def test_a_guest_and_a_phone_see_the_settings(visitor: Visitor) -> None:
    """Nothing sticks out, nothing can be typed."""
    guest = visitor.site.access.guest
    with visitor.window("/settings", size=PHONE, token=guest) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        assert page.locator("#setting-queue-max_losses").is_disabled()
        assert page.get_by_role("button", name="Add a workflow").is_hidden()


def test_wrong_parameters_are_told_where_a_person_looks(
    visitor: Visitor, client: TestClient
) -> None:
    """With the file and what is right: on the page of the session, and with the settings."""
    project = visitor.site.project
    group = project.place.images / "square" / "group.toml"
    group.write_text("[parameters.weigh]\nfactor = 11\n")
    site = project.place.folder.parent / "site.toml"
    site.write_text("[parameters.wiegh]\nfactor = 1\n")
    (project.place.scripts / "broken.py").write_text("import nothing_like_this\n")
    told = client.get("/api/v1/scripts").json()["problems"]
    assert len(told) == 3
    assert told[0].startswith(f"{group}: [parameters.weigh]: weigh.factor = 11")
    assert told[1].startswith(f"{site}: [parameters.wiegh]: no script")
    assert "broken.py: " in told[2]
    with visitor.window("/") as page:
        notice = page.locator(".notices li.error", has_text=str(group))
        until(notice.is_visible, "the notice")
        assert page.locator(".notices", has_text="wiegh").count() == 0
        notice.get_by_role("link").click()
        page.wait_for_selector("#problems li")
        assert page.locator("#problems li").all_inner_texts() == [f"▲\n{one}" for one in told]
    with visitor.window("/settings", size=PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        group.unlink()
        site.write_text("")
        (project.place.scripts / "broken.py").unlink()
        until(lambda: page.reload() and not page.locator("#problems").count(), "nothing wrong")
    assert client.get("/api/v1/scripts").json()["problems"] == []
