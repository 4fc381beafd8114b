"""A processor in the test's own process, and its daemon's answers: quick, and nothing is left out.

What is sent goes through JSON as it would through a pipe, and every result is committed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cryobatch.errors import CryobatchError
from cryobatch.model.batch import ParameterSet
from cryobatch.model.category import order_categories
from cryobatch.model.script import script_from_json, script_to_json
from cryobatch.processing.commit import commit_result
from cryobatch.processing.orders import (
    BatchOrder,
    Setup,
    order_from_json,
    setup_from_json,
    staged_from_json,
    to_json,
)
from cryobatch.processing.runner import Runner
from cryobatch.project import Project
from cryobatch.project.site import site_file

Message = Mapping[str, Any]
"""A message as JSON's types."""


@dataclass(slots=True)
class Told:
    """What a batch's runner has told.

    Args:
        messages: All of it.
    """

    messages: list[Message] = field(default_factory=list)

    def of(self, event: str) -> list[str]:
        """Return the scripts of all messages of a kind, in their order."""
        return [m["script"] for m in self.messages if m["event"] == event]

    @property
    def started(self) -> list[str]:
        """The scripts that were run, also those that only made a transient product."""
        return self.of("script_started")

    @property
    def done(self) -> list[str]:
        """The scripts that gave results."""
        return self.of("script_done")

    @property
    def skipped(self) -> list[str]:
        """The scripts that were up to date."""
        return self.of("script_skipped")

    @property
    def failures(self) -> dict[str, str]:
        """Why scripts failed."""
        found = {m["script"]: m["reason"] for m in self.messages if m["event"] == "script_failed"}
        whole = [m["reason"] for m in self.messages if m["event"] == "batch_failed"]
        return found | ({"workflow": whole[0]} if whole else {})


@dataclass(slots=True)
class OneProcessor:
    """Runs batches of a project, one after the other, without a queue.

    Args:
        project: The project.
        before_commit: Is called with the script's name before each commit.
        keep_products: Whether history keeps large products.
        bring_back: Command that brings back recordings.
    """

    project: Project
    before_commit: Callable[[str], None] = lambda _: None
    keep_products: bool = False
    bring_back: Sequence[str] = ()
    _batches: int = 0

    def run(
        self,
        image: int,
        *scripts: str,
        parameters: ParameterSet | None = None,
        force: bool = False,
        failures: Mapping[str, str] | None = None,
        medians: Mapping[str, float] | None = None,
    ) -> Told:
        """Work through one batch and return what was told; the library is brought up to date."""
        order = self.order(
            image,
            *scripts,
            parameters=parameters,
            force=force,
            failures=failures,
            medians=medians,
        )
        told = self.work(order)
        self.project.images.index([image])
        return told

    def order(
        self,
        image: int,
        *scripts: str,
        parameters: ParameterSet | None = None,
        force: bool = False,
        failures: Mapping[str, str] | None = None,
        medians: Mapping[str, float] | None = None,
    ) -> BatchOrder:
        """Return the order of one batch."""
        self._batches += 1
        folder = self.project.images.folder(image)
        place = self.project.place
        name = f"{self._batches}.1"
        return BatchOrder(
            batch=self._batches,
            attempt=1,
            image_folder=str(folder),
            scripts=scripts,
            parameters=parameters or {},
            force=force,
            failures=failures or {},
            staging=str(place.staging / name),
            scratch=str(place.folder / ".scratch" / name),
            medians=medians or {},
        )

    def work(self, order: BatchOrder) -> Told:
        """Work through one batch."""
        told = Told()
        folder = Path(order.image_folder)
        answers: list[Message] = []

        def send(message: Message) -> None:
            received = json.loads(json.dumps(message))
            told.messages.append(received)
            if received["event"] == "script_done":
                self.before_commit(received["script"])
                answers.append(commit(folder, received))

        setup = self.setup()
        scripts = {script.name: script for script in map(script_from_json, setup.scripts)}
        runner = Runner(setup, scripts, send, lambda: answers.pop())
        order = order_from_json(json.loads(json.dumps(to_json(order))))
        # A processor ends all its children; those of the tests' own process are a browser, say.
        with (
            patch("cryobatch.processing.invocation.end_leftovers"),
            patch("cryobatch.processing.executable.end_leftovers"),
        ):
            runner.run_batch(order)
        return told

    def setup(self) -> Setup:
        """Return what a processor of the project is told once."""
        project = self.project
        settings = project.settings
        setup = Setup(
            processor="local-1",
            scripts=tuple(script_to_json(one) for one in project.catalog.scripts.values()),
            categories=order_categories(settings.categories),
            companions={
                root: settings.workflows[name] for root, name in settings.default_workflows.items()
            },
            site_parameters=project.site.parameters,
            project_parameters=settings.parameters,
            project_folder=str(project.place.folder),
            keep_products=self.keep_products,
            threads=1,
            bring_back=self.bring_back,
            site_file=str(site_file()),
        )
        return setup_from_json(json.loads(json.dumps(to_json(setup))))


def commit(folder: Path, message: Message) -> Message:
    """Do what a daemon does with a result, and return its answer."""
    try:
        committed = commit_result(folder, staged_from_json(message["result"]))
    except (CryobatchError, OSError) as error:
        return {"do": "refused", "reason": str(error)}
    return {"do": "committed", "base": list(committed.base), "merged": bool(committed.merged)}
