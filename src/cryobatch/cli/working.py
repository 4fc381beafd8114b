"""``run`` and ``serve``: work the queue."""

from typing import TYPE_CHECKING

import typer

from cryobatch.cli.options import Processors, open_project

if TYPE_CHECKING:
    from cryobatch.daemon.work import Outcome
    from cryobatch.store.queue import QueueRow


def run(context: typer.Context, processors: Processors = None) -> None:
    """Work the queue until it is empty."""
    from cryobatch.cli.display import show_work
    from cryobatch.daemon.work import run_queue

    with open_project(context) as project, show_work(project) as show:
        outcome = run_queue(project, processors=processors, show=show)
    _tell(outcome)
    if outcome.stopped_by is not None:
        raise typer.Exit(128 + outcome.stopped_by)
    if outcome.failed:
        raise typer.Exit(1)


def serve(context: typer.Context, processors: Processors = None) -> None:
    """Work the queue until Ctrl-C, also what is queued later."""
    from cryobatch.cli.display import show_work
    from cryobatch.daemon.work import serve as work

    with open_project(context) as project, show_work(project) as show:
        outcome = work(project, processors=processors, show=show)
    _tell(outcome)


def _tell(outcome: "Outcome") -> None:
    for row in outcome.failed:
        typer.echo(f"cryobatch: {_describe_failure(row)}", err=True)
    text = f"{outcome.done} batches done, {len(outcome.failed)} failed"
    if outcome.waiting:
        text += f", {outcome.waiting} still wait"
    typer.echo(text)
    if outcome.failed:
        typer.echo("see: cryobatch log --level error; again: cryobatch queue retry")


def _describe_failure(row: "QueueRow") -> str:
    reasons = "; ".join(f"{script}: {why}" for script, why in row.batch.failures.items())
    return f"{row.group}/{row.image} (batch {row.batch.id}) failed: {reasons or 'see the log'}"
