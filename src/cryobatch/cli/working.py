"""``run`` and ``serve``: work the queue."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.options import (
    Assignments,
    Processors,
    Scripts,
    Top,
    WorkflowName,
    choose_scripts,
    open_project,
    takes_facts,
)
from cryobatch.cli.tables import count_batches
from cryobatch.cli.trouble import tell_trouble
from cryobatch.errors import UsageError
from cryobatch.model.batch import BEFORE_SCRIPTS, NOT_RUN

if TYPE_CHECKING:
    from cryobatch.daemon.work import Outcome
    from cryobatch.project import Project
    from cryobatch.store.queue import QueueRow


def run(context: typer.Context, processors: Processors = None) -> None:
    """Work the queue until it is empty."""
    from cryobatch.cli.display import show_work
    from cryobatch.daemon.work import run_queue

    with open_project(context) as project:
        _tell_faults(project)
        with show_work(project) as show:
            outcome = run_queue(project, processors=processors, show=show)
    _tell(outcome)
    if outcome.stopped_by is not None:
        raise typer.Exit(128 + outcome.stopped_by)
    if outcome.failed:
        raise typer.Exit(1)


@takes_facts
def serve(
    context: typer.Context,
    processors: Processors = None,
    watch: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Import what is recorded there; may be repeated."),
    ] = None,
    scripts: Scripts = None,
    workflow: WorkflowName = None,
    top: Top = False,
    assignments: Assignments = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of the web interface; default: the first free one from 8642 on.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where the web interface listens; default: for this machine only.")
    ] = "127.0.0.1",
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TLS certificate (PEM).")
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key (PEM).")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let other machines in without TLS.")
    ] = False,
    no_web: Annotated[bool, typer.Option("--no-web", help="No web interface.")] = False,
    *,
    facts: Mapping[str, str],
) -> None:
    """Work the queue until Ctrl-C, also what is queued later, with the web interface.

    Recordings are imported as they come from all watched folders that are started, and from those
    named with --watch; for these the other options are as for import.
    """
    from cryobatch.cli.display import show_work
    from cryobatch.daemon.work import serve as work
    from cryobatch.project.watching import Orders
    from cryobatch.web.process import WebSettings

    web = None if no_web else WebSettings(host, port, certificate, key, insecure)
    if web is not None:
        web.check()
    with open_project(context) as project:
        choice = choose_scripts(project, scripts, workflow, assignments, top=top)
        if facts and not watch:
            raise UsageError("facts are for what is imported: name a folder with --watch")
        project.planner.check_names(choice)
        orders = Orders(facts=project.check_facts(facts), choice=choice)
        session = [project.watching.add(folder, orders, active=False).id for folder in watch or ()]
        for folder in watch or ():
            if not folder.is_dir():
                tell_trouble(f"{folder} is not there yet: waiting for it")
        _tell_faults(project)
        with show_work(project) as show:
            outcome = work(
                project, processors=processors, show=show, session=session, web=web,
                tell=lambda address: typer.echo(f"open {address}"),
            )  # fmt: skip
    _tell(outcome)


def _tell_faults(project: "Project") -> None:
    """Say what settings' files say wrongly: images that it concerns will fail or go without."""
    for fault in project.find_parameter_faults():
        tell_trouble(fault.text)


def _tell(outcome: "Outcome") -> None:
    for row in outcome.failed:
        tell_trouble(_describe_failure(row))
    text = f"{count_batches(outcome.done)} done, {len(outcome.failed)} failed"
    if outcome.waiting:
        text += f", {outcome.waiting} still wait"
    typer.echo(text)
    if outcome.failed:
        typer.echo("see: cryobatch log --level error; again: cryobatch queue retry")


def _describe_failure(row: "QueueRow") -> str:
    causes = {s: why for s, why in row.batch.failures.items() if not why.startswith(NOT_RUN)}
    reasons = "; ".join(
        why if script == BEFORE_SCRIPTS else f"{script}: {why}" for script, why in causes.items()
    )
    return f"{row.group}/{row.image} (batch {row.batch.id}) failed: {reasons or 'see the log'}"
