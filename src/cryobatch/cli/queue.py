"""``queue``: see what waits, and bring it into another order."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.groups import NounGroup
from cryobatch.cli.options import (
    Images,
    Json,
    Where,
    choose_images,
    open_project,
    open_queue,
    state_refusals,
)
from cryobatch.cli.tables import (
    count_batches,
    describe_time,
    show_json_rows,
    show_rows,
    time_to_json,
)
from cryobatch.cli.trouble import tell_trouble
from cryobatch.errors import UsageError
from cryobatch.model import BatchState

if TYPE_CHECKING:
    from cryobatch.project.queueing import Queue
    from cryobatch.store.queue import Cancelled, Moved, QueueRow

app = typer.Typer(
    cls=NounGroup,
    help="See what waits, and bring it into another order.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

SHOWN = 50
Batches = Annotated[
    list[int] | None, typer.Argument(metavar="BATCH...", help="Batches, by their ids.")
]


@app.command("list")
def show(
    context: typer.Context,
    states: Annotated[
        list[BatchState] | None,
        typer.Option("--state", help="Which; default: what runs and what waits. May be repeated."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help=f"How many; default: {SHOWN}, in JSON all.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what runs, then what waits, in the order in which it will run."""
    from cryobatch.daemon.lock import find_holder

    wanted = tuple(states or (BatchState.RUNNING, BatchState.WAITING))
    with open_queue(context) as queue:
        number = limit if limit is not None or json else SHOWN
        rows = queue.listing(wanted, limit=number)
        counts = queue.counts()
        paused = queue.is_paused()
        held = queue.why_held()
        works = find_holder(queue.place.lock) is not None
    if json:
        show_json_rows(_to_json(row) for row in rows)
        return
    held_up = ("waits_for",) if any(row.waits_for for row in rows) else ()
    shown = (*_COLUMNS, *held_up)
    show_rows([_to_row(row) for row in rows], shown, "nothing waits and nothing runs")
    left = sum(counts[state] for state in wanted) - len(rows)
    if left > 0:
        typer.echo(f"... and {left} more (see --limit)")
    if paused:
        typer.echo("the queue is paused: 'cryobatch queue resume' lets it go on")
    if works and held is not None:
        typer.echo(held)
    if not works and counts[BatchState.RUNNING] + counts[BatchState.WAITING]:
        tell_trouble(_tell_idle(counts[BatchState.RUNNING]))


@app.command()
def top(
    context: typer.Context, batches: Batches = None, images: Images = None, where: Where = None
) -> None:
    """Put batches before all others."""
    _move(context, batches, images, where, lambda queue, ids: queue.to_top(ids))


@app.command()
def bottom(
    context: typer.Context, batches: Batches = None, images: Images = None, where: Where = None
) -> None:
    """Put batches after all others."""
    _move(context, batches, images, where, lambda queue, ids: queue.to_bottom(ids))


@app.command()
def up(
    context: typer.Context, batches: Batches = None, images: Images = None, where: Where = None
) -> None:
    """Move each batch one place up."""
    _move(context, batches, images, where, lambda queue, ids: queue.up(ids))


@app.command()
def down(
    context: typer.Context, batches: Batches = None, images: Images = None, where: Where = None
) -> None:
    """Move each batch one place down."""
    _move(context, batches, images, where, lambda queue, ids: queue.down(ids))


@app.command()
def move(
    context: typer.Context,
    batches: Batches = None,
    place: Annotated[
        int | None,
        typer.Option("--to", min=1, help="Where the first one shall be, counted from 1; without "
                     "it the last number is the place."),
    ] = None,
    images: Images = None,
    where: Where = None,
) -> None:  # fmt: skip
    """Move batches to a place in the queue."""
    if place is None:
        if not batches or (len(batches) < 2 and not images and where is None):
            raise UsageError("say where to: cryobatch queue move BATCH... --to PLACE")
        *batches, place = batches
    goal = place
    _move(context, batches, images, where, lambda queue, ids: queue.move_to(ids, goal))


@app.command()
def remove(
    context: typer.Context,
    batches: Batches = None,
    images: Images = None,
    where: Where = None,
    kill: Annotated[bool, typer.Option("--kill", help="Also stop those that run.")] = False,
) -> None:
    """Take batches out of the queue; those that run go on unless --kill is given."""
    ids = _choose(context, batches, images, where)
    with open_queue(context) as queue:
        answer = queue.kill(ids) if kill else queue.remove(ids)
        unknown = queue.unknown(answer.not_there)
    _tell_cancelled(answer, kill, unknown)


@app.command()
def clear(
    context: typer.Context,
    kill: Annotated[bool, typer.Option("--kill", help="Also stop what runs.")] = False,
) -> None:
    """Take everything that waits out of the queue."""
    with open_queue(context) as queue:
        number = queue.clear()
        stopped = len(queue.kill_all().asked) if kill else 0
    typer.echo(
        f"{count_batches(number)} cancelled" + (f", {_count_stopped(stopped)}" if kill else "")
    )


@app.command()
def pause(context: typer.Context) -> None:
    """Let nothing new begin; what runs goes on."""
    with open_queue(context) as queue:
        queue.pause()
    typer.echo("the queue is paused")


@app.command()
def resume(context: typer.Context) -> None:
    """Let batches begin again."""
    with open_queue(context) as queue:
        queue.resume()
    typer.echo("the queue goes on")


@app.command()
def retry(
    context: typer.Context,
    batches: Batches = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All batches that have failed, as without ids.")
    ] = False,
    to_top: Annotated[bool, typer.Option("--top", help="Put them on top.")] = False,
) -> None:
    """Queue failed and cancelled batches anew; without ids all that have failed."""
    if batches and everything:
        raise UsageError("give either ids or --all")
    with open_queue(context) as queue:
        answer = queue.retry(batches or None, top=to_top)
        text = f"{count_batches(len(answer.submitted.ids))} queued"
        if answer.submitted.duplicates:
            text += f", {len(answer.submitted.duplicates)} waited already"
        typer.echo(text)
        unknown = queue.unknown(answer.refused)
    _state_refused(answer.refused, unknown, "has neither failed nor been cancelled")


def _tell_idle(running: int) -> str:
    text = "no daemon works here: start 'cryobatch serve' or 'cryobatch run'"
    if running:
        text += f"; {count_batches(running)} marked as running will begin anew then"
    return text


def _choose(
    context: typer.Context, batches: list[int] | None, images: list[str] | None, where: str | None
) -> list[int]:
    if batches and not images and where is None:
        return batches
    if batches:
        raise UsageError("name batches by their ids, or images by --images or --where")
    if not images and where is None:
        raise UsageError("name batches by their ids (see 'cryobatch queue list'), or images by "
                         "--images or --where")  # fmt: skip
    with open_project(context) as project:
        selected = project.images.select(choose_images(project, False, images, where))
        return project.queue.batches_of_images(selected)


def _move(
    context: typer.Context,
    batches: list[int] | None,
    images: list[str] | None,
    where: str | None,
    action: "Callable[[Queue, list[int]], Moved]",
) -> None:
    ids = _choose(context, batches, images, where)
    with open_queue(context) as queue:
        answer = action(queue, ids)
        unknown = queue.unknown(answer.not_waiting)
    typer.echo(f"{count_batches(len(answer.moved))} moved")
    if batches:  # of selected images some batches run: no mistake of anybody
        _state_refused(answer.not_waiting, unknown, "does not wait")


def _state_refused(refused: Sequence[int], unknown: Collection[int], reason: str) -> None:
    """Say why batches were left alone, and end with code 1 if there are any."""
    state_refusals([
        f"there is no batch {one}" if one in unknown else f"batch {one}: {reason}"
        for one in refused
    ])  # fmt: skip


def _tell_cancelled(answer: "Cancelled", kill: bool, unknown: Collection[int]) -> None:
    text = f"{count_batches(len(answer.cancelled))} cancelled"
    typer.echo(text + (f", {_count_stopped(len(answer.asked))}" if kill else ""))
    reason = "neither waits nor runs" if kill else "does not wait (--kill stops one that runs)"
    _state_refused(answer.not_there, unknown, reason)


def _count_stopped(number: int) -> str:
    return f"{number} {'is' if number == 1 else 'are'} being stopped"


def _to_json(row: "QueueRow") -> dict[str, object]:
    batch = row.batch
    return {
        "id": batch.id,
        "image": row.image,
        "image_id": batch.image_id,
        "group": row.group,
        "scripts": list(batch.scripts),
        "parameters": batch.parameters,
        "force": batch.force,
        "state": batch.state.value,
        "attempt": batch.attempt,
        "processor": batch.processor,
        "waits_for": row.waits_for,
        "failures": batch.failures,
        "submitted_at": time_to_json(batch.submitted_at),
        "started_at": None if batch.started_at is None else time_to_json(batch.started_at),
        "finished_at": None if batch.finished_at is None else time_to_json(batch.finished_at),
    }


_COLUMNS = ("id", "image", "group", "state", "scripts", "attempt", "processor", "since")


def _to_row(row: "QueueRow") -> dict[str, object]:
    batch = row.batch
    since = batch.finished_at or batch.started_at
    if batch.state is BatchState.WAITING or since is None:
        since = batch.submitted_at
    return {**_to_json(row), "since": describe_time(since)}
