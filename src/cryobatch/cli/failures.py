"""``failures``: what has failed, by cause, and all of it again."""

from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.groups import NounGroup
from cryobatch.cli.options import Json, Top, open_project
from cryobatch.cli.tables import count_batches, describe_time, show_json, show_rows, time_to_json
from cryobatch.errors import UsageError
from cryobatch.model.batch import BEFORE_SCRIPTS

if TYPE_CHECKING:
    from cryobatch.project.failures import Cause, Failure

app = typer.Typer(
    cls=NounGroup,
    help="See what has failed, by cause, and queue it again.",
    add_completion=False,
    rich_markup_mode=None,
)
_COLUMNS = ("cause", "images", "first", "last", "script", "message")


@app.callback(invoke_without_command=True)
def show_unless_told(context: typer.Context, json: Json = False) -> None:
    """See what has failed, by cause, and queue it again."""
    if context.invoked_subcommand is None:
        show_causes(context, json)


@app.command("list")
def show_causes(context: typer.Context, json: Json = False) -> None:
    """Show why batches have failed, unless something has made it good since."""
    from cryobatch.project.failures import Failures

    with open_project(context) as project:
        causes = Failures(project).causes()
    if json:
        show_json([_to_json(cause) for cause in causes])
        return
    show_rows([_to_row(cause) for cause in causes], _COLUMNS, "nothing has failed")


@app.command("show")
def show_cause(
    context: typer.Context,
    cause: Annotated[str, typer.Argument(metavar="CAUSE", help="See 'cryobatch failures'.")],
    json: Json = False,
) -> None:
    """Show the images of a cause, and what was run, said and written at the latest failure."""
    from cryobatch.project.failures import Failures

    with open_project(context) as project:
        failures = Failures(project)
        found = failures.find(cause)
        latest = found.failures[-1]
        account = failures.explain(found.script, latest)
    if json:
        images = [_failure_to_json(one) for one in reversed(found.failures)]
        told = {"program": account.program, "again": account.again, "output": account.output}
        show_json({**_to_json(found), **told, "failures": images})
        return
    typer.echo(f"{found.script}: {found.pattern}\n")
    typer.echo(f"latest:  {latest.image} ({describe_time(latest.time)}): {latest.text}")
    typer.echo(f"run:     {account.program or 'a script that is gone'}")
    typer.echo(f"again:   {account.again}")
    if account.output:
        typer.echo(f"\nlast lines of {account.log}:\n{account.output}")
    typer.echo("")
    rows = [_failure_to_row(one) for one in reversed(found.failures)]
    show_rows(rows, ("batch", "id", "image", "ended"), "")


@app.command()
def retry(
    context: typer.Context,
    causes: Annotated[
        list[str] | None, typer.Argument(metavar="CAUSE...", help="See 'cryobatch failures'.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever the cause.")] = False,
    top: Top = False,
    json: Json = False,
) -> None:
    """Queue all batches anew that failed for some causes."""
    from cryobatch.project.failures import Failures

    if bool(causes) == everything:
        raise UsageError("name causes (see 'cryobatch failures'), or give --all")
    with open_project(context) as project:
        done = Failures(project).retry(causes, top=top).submitted
    if json:
        show_json({"batches": done.ids, "duplicates": done.duplicates})
        return
    waiting = f", {len(done.duplicates)} waited already" if done.duplicates else ""
    typer.echo(f"{count_batches(len(done.ids))} queued{waiting}")


def _to_json(cause: "Cause") -> dict[str, object]:
    return {
        "cause": cause.id,
        "script": cause.script,
        "message": cause.pattern,
        "images": cause.images(),
        "count": len(cause.failures),
        "first": time_to_json(cause.failures[0].time),
        "last": time_to_json(cause.failures[-1].time),
    }


def _to_row(cause: "Cause") -> dict[str, object]:
    return {
        **_to_json(cause),
        "first": describe_time(cause.failures[0].time),
        "last": describe_time(cause.failures[-1].time),
        "script": None if cause.script == BEFORE_SCRIPTS else cause.script,
    }


def _failure_to_json(failure: "Failure") -> dict[str, object]:
    return {
        "batch": failure.batch,
        "image_id": failure.image_id,
        "image": failure.image,
        "group": failure.group,
        "time": time_to_json(failure.time),
        "text": failure.text,
    }


def _failure_to_row(failure: "Failure") -> dict[str, object]:
    return {
        "batch": failure.batch,
        "id": failure.image_id,
        "image": f"{failure.group}/{failure.image}",
        "ended": describe_time(failure.time),
    }
