"""``demo``: a simulated microscope records, cryobatch works, and found is compared with true."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryobatch.cli.options import Processors
from cryobatch.cli.tables import count

if TYPE_CHECKING:
    from cryobatch.demo.verdict import Comparison, Tolerance


def demo(
    folder: Annotated[Path, typer.Option(help="Where to make the demonstration's project.")] = Path(
        "demo"
    ),
    movies: Annotated[int, typer.Option(min=1, help="How many movies are recorded.")] = 12,
    interval: Annotated[
        float, typer.Option(min=0, help="Seconds from one recording to the next.")
    ] = 2.5,
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes another specimen.")] = 20,
    again: Annotated[
        bool, typer.Option("--again", help="Remove an earlier demonstration in that folder first.")
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write this folder's recordings again, as an unkind microscope would, and see "
            "whether each is imported once.",
        ),
    ] = None,
    processors: Processors = None,
) -> None:
    """Watch a simulated microscope being followed, and see found against true."""
    if replay is not None:
        _replay(folder, replay, interval, seed, again=again, processors=processors)
        return
    from cryobatch.cli.display import show_work
    from cryobatch.demo.session import DemoSettings, judge_demo, play_demo, remove_demo
    from cryobatch.demo.verdict import Tolerance, summarise
    from cryobatch.project import Project

    typer.echo(
        f"A simulated microscope records {count(movies, 'movie', 'movies')}; cryobatch follows it."
    )
    if again:
        remove_demo(folder)
    settings = DemoSettings(movies, interval, seed)
    outcome = play_demo(folder, settings, processors=processors, display=show_work)
    tolerance = Tolerance()
    with Project.open(folder) as project:
        comparisons = judge_demo(project, tolerance)
    typer.echo(format_comparisons(comparisons.values(), tolerance))
    if outcome.stopped_by is not None:
        raise typer.Exit(128 + outcome.stopped_by)
    if outcome.failed or len(comparisons) < movies or not summarise(comparisons):
        typer.echo("Not all is as it should be: see 'cryobatch log' in the project.", err=True)
        raise typer.Exit(1)
    typer.echo(_say_what_next(folder))


def _replay(
    folder: Path, source: Path, interval: float, seed: int, *, again: bool, processors: int | None
) -> None:
    from cryobatch.cli.display import show_work
    from cryobatch.demo.replay import ReplaySettings
    from cryobatch.demo.replaying import play_replay
    from cryobatch.demo.session import remove_demo

    if again:
        remove_demo(folder)
    settings = ReplaySettings(interval_s=interval)
    verdict = play_replay(folder, source, settings, seed, processors=processors, display=show_work)
    plan = verdict.plan
    typer.echo(
        f"{count(len(plan.complete), 'complete recording', 'complete recordings')}: "
        f"{len(verdict.missing)} missing, {len(verdict.surplus)} too many; "
        f"{len(plan.incomplete)} never completed: {len(verdict.report.incomplete)} listed"
    )
    for name in (*verdict.missing, *verdict.surplus):
        typer.echo(f"NOT GOOD: {name}")
    if verdict.outcome.stopped_by is not None:
        raise typer.Exit(128 + verdict.outcome.stopped_by)
    typer.echo(f"see: cryobatch --project {folder} watch status")
    if verdict.missing or verdict.surplus:
        raise typer.Exit(1)


def format_comparisons(comparisons: Iterable["Comparison"], tolerance: "Tolerance") -> str:
    """Return the table of found against true, with the tolerances in its last row."""
    rows: list[tuple[str, ...]] = [("image", "drift", "defocus", "astigmatism", "picks", "")]
    rows.append(("error of", "Å rms", "Å", "Å", "F1", ""))
    rows += [_row(item) for item in comparisons]
    rows.append((
        "tolerance", f"{tolerance.drift_angstrom:.2f}", f"{tolerance.defocus_angstrom:.0f}",
        f"{tolerance.astigmatism_angstrom:.0f}", f"{tolerance.picks_f1:.2f}", "",
    ))  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        numbers = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *numbers]).rstrip())
    return "\n".join(lines)


def _row(item: "Comparison") -> tuple[str, ...]:
    return (
        item.name,
        _number(item.drift_angstrom, 2),
        _number(item.defocus_angstrom, 0),
        _number(item.astigmatism_angstrom, 0),
        _number(item.picks_f1, 2),
        "good" if item.good else "NOT GOOD",
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _say_what_next(folder: Path) -> str:
    place = folder.resolve()
    return f"""
All was found as it is. The project is {place}; look around:
  cryobatch --project {folder} serve      (and open the address that it prints in a browser)
  cryobatch --project {folder} library
  cryobatch --project {folder} log
  cryobatch --project {folder} image show 1
Now with recordings of your own:
  cryobatch new my-session
  cryobatch --project my-session import FOLDER \\
      --pixel-size 0.83 --voltage 300 --cs 2.7 --dose-per-frame 1.2 --gain GAIN.mrc
  cryobatch --project my-session run"""
