"""How watched folders are shown: as text for people, as JSON for programs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from cryobatch.cli.tables import count, describe_duration, describe_number, time_to_json

if TYPE_CHECKING:
    from cryobatch.project.watching import WatchedFolder, WatchReport
    from cryobatch.store.watching import FileRow


def describe_orders(watched: "WatchedFolder", works: bool) -> dict[str, object]:
    """Return what is done with a folder's recordings; ``works``: whether a daemon is there."""
    orders = watched.orders
    choice = orders.choice
    place = "top" if choice.top else "first on top" if choice.first_now else "bottom"
    return {
        "id": watched.id,
        "folder": str(watched.folder),
        "active": watched.active,
        "state": watched.state(works),
        "take": orders.take.value,
        "rate_mb_s": orders.rate_mb_s,
        "scripts": list(choice.scripts or ()) or choice.workflow or "the project's workflow",
        "place": place if orders.submit else "not queued",
        "parameters": {name: dict(given) for name, given in (choice.parameters or {}).items()},
        "facts": dict(orders.facts),
        "include": list(orders.patterns.include),
        "ignore": list(orders.patterns.ignore),
        "pattern": orders.pattern,
        "patience_s": orders.patience.patient_s,
    }


def report_to_json(report: "WatchReport", works: bool) -> dict[str, object]:
    """Return how a folder gets on, for programs."""
    settling = report.watched.settling(works)
    scanned_at = report.watched.status.get("scanned_at")
    return {
        "id": report.watched.id,
        "folder": str(report.watched.folder),
        "state": report.watched.state(works),
        "reason": report.watched.reason(works),
        "found": sum(report.counts.values()) + settling,
        "settling": settling,
        **{state.value: number for state, number in report.counts.items()},
        "incomplete_files": [_file_to_json(report, row) for row in report.incomplete],
        "failed_files": [_file_to_json(report, row) for row in report.failed],
        "images_an_hour": report.images_an_hour,
        "delay_to_batch_s": report.delays.to_batch,
        "delay_to_batch_slow_s": report.delays.to_batch_slow,
        "delay_to_result_s": report.delays.to_result,
        "scanned_at": None if scanned_at is None else time_to_json(scanned_at),
        "scan_s": report.watched.status.get("scan_s"),
    }


def _file_to_json(report: "WatchReport", row: "FileRow") -> dict[str, object]:
    return {
        "path": _printable(str(report.watched.folder / row.path)),
        "state": row.state.value,
        "reason": row.reason,
        "noted_at": time_to_json(row.noted_at),
    }


def _printable(path: str) -> str:
    """Return a path as text, with the codes of bytes that are none."""
    return path.encode("utf-8", "backslashreplace").decode()


def tell_report(report: "WatchReport", works: bool) -> None:
    """Print how a folder gets on."""
    watched = report.watched
    counts = {state.value: number for state, number in report.counts.items()}
    settling = report.watched.settling(works)
    why = watched.reason(works)
    state = f"{watched.state(works)}: {why}" if why else watched.state(works)
    typer.echo(f"{watched.id}  {watched.folder}  ({state})")
    typer.echo(
        f"   {sum(counts.values()) + settling} found: {settling} settling, "
        f"{counts['imported']} imported, {counts['incomplete']} incomplete, "
        f"{counts['failed']} failed, {counts['rewritten']} rewritten"
    )
    _tell_speed(report)
    _tell_files(report.incomplete, counts["incomplete"])
    _tell_files(report.failed, counts["failed"] + counts["rewritten"])


def _tell_speed(report: "WatchReport") -> None:
    delays = report.delays
    parts = [f"{report.images_an_hour:.0f} images an hour"]
    if delays.to_batch is not None and delays.to_batch_slow is not None:
        slow = describe_number(delays.to_batch_slow)
        parts.append(
            f"from the last byte to the queue {describe_number(delays.to_batch)} s "
            f"(the slowest of a hundred: {slow} s)"
        )
    if delays.to_result is not None:
        parts.append(f"to the first result {describe_duration(delays.to_result)}")
    typer.echo("   " + ", ".join(parts))


def _tell_files(rows: "Sequence[FileRow]", number: int) -> None:
    for row in rows:
        name = " ".join(_printable(row.path).split())
        typer.echo(f"   {row.state.value}: {name}: {' '.join(row.reason.split())}")
    if number > len(rows):
        typer.echo(f"   ... and {count(number - len(rows), 'file', 'files')} more (see --limit)")
