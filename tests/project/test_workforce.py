"""The workforce and the doorbell: how a command reaches the daemon, and what suits a machine."""

import os
import select
from collections.abc import Callable
from pathlib import Path

import pytest

from cryobatch.model.settings import ProcessorSettings
from cryobatch.project import Project, Selection
from cryobatch.project.doorbell import Doorbell, ring
from cryobatch.project.submission import Choice
from cryobatch.project.workforce import Workforce, choose_number
from cryobatch.store import processors
from cryobatch.store.processors import ProcessorRow

ALL = Selection(everything=True)


@pytest.mark.parametrize(
    ("cores", "memory_gb", "number"), [(8, 64.0, 8), (8, 7.0, 2), (64, 128.0, 42), (1, 0.5, 1)]
)
def test_the_number_of_processors_suits_cores_and_memory(
    cores: int, memory_gb: float, number: int
) -> None:
    """Three gigabytes each, and at least one."""
    assert choose_number(cores, memory_gb) == number


def test_settings_and_commands_come_before_what_suits(project: Project) -> None:
    """A command's number first, then the settings'; threads share the cores that we may use."""
    cores = len(os.sched_getaffinity(0))
    plain = Workforce(project.database, ProcessorSettings(), project.place.doorbell)
    chosen = Workforce(
        project.database,
        ProcessorSettings(number=3, threads=5, machine_limit=7),
        project.place.doorbell,
    )
    assert (chosen.number(None), chosen.number(2)) == (3, 2)
    assert 1 <= plain.number(None) <= cores
    assert (plain.threads_each(1), plain.threads_each(10_000)) == (cores, 1)
    assert chosen.threads_each(2) == 5
    assert chosen.machine_places(100) == 7
    assert plain.machine_places(10_000) == 10_000
    assert set(chosen.environment(2).values()) == {"5"}


def test_a_wish_is_read_by_the_daemon_and_forgotten_when_it_ends(project: Project) -> None:
    """How many processors, and which of them to end; unknown names are given back."""
    workforce = project.workforce
    row = ProcessorRow("local-1", "idle", 0.0, None, None, None, None, "here", 1)
    with project.database.transaction() as t:
        processors.show(t, [row])
    workforce.wish_number(3)
    assert workforce.wish_kill(["local-1", "local-9"]) == ("local-9",)
    wishes = workforce.read_wishes()
    assert (wishes.processors, wishes.killed, wishes.cancelled) == (3, ("local-1",), ())
    workforce.forget_kills(wishes.killed)
    workforce.forget_number()
    assert workforce.read_wishes().processors is None
    assert workforce.read_wishes().killed == ()
    assert [found.id for found in workforce.listing()] == ["local-1"]
    workforce.dismiss_all()
    assert workforce.listing() == []


def test_each_operation_of_the_queue_rings_the_bell(project: Project) -> None:
    """So that it takes effect at once."""
    ids = project.submit(ALL, Choice()).batches
    bell = Doorbell(project.place.doorbell)
    queue = project.queue
    operations: list[Callable[[], object]] = [
        lambda: project.submit(ALL, Choice(scripts=("pick",))),
        lambda: queue.to_top(ids[2:]),
        lambda: queue.to_bottom(ids[:1]),
        lambda: queue.move_to(ids[:1], 2),
        lambda: queue.up(ids[:1]),
        lambda: queue.down(ids[:1]),
        queue.pause,
        queue.resume,
        lambda: queue.remove(ids[:1]),
        lambda: queue.kill(ids[1:2]),
        queue.clear,
        lambda: queue.retry(ids[:1]),
    ]
    try:
        for operate in operations:
            operate()
            assert select.select([bell], [], [], 0)[0]
            bell.silence()
            assert not select.select([bell], [], [], 0)[0]
    finally:
        bell.close()
    assert [row.batch.image_id for row in queue.listing()] == [1]


def test_batches_of_images_are_named_in_queue_order(project: Project) -> None:
    """For a person who thinks of images."""
    first = project.submit(ALL, Choice()).batches
    second = project.submit(Selection(images=(2,)), Choice(scripts=("pick",), top=True)).batches
    assert project.queue.batches_of_images([2, 3]) == [*second, first[1], first[2]]
    assert project.queue.kill_all().asked == ()


def test_a_bell_that_nobody_hears_says_so(tmp_path: Path) -> None:
    """Without a daemon, and after one that was killed; a new one hangs up its own."""
    path = tmp_path / "bell"
    assert not ring(path)
    bell = Doorbell(path)
    assert ring(path)
    for _ in range(2000):
        ring(path)
    bell.silence()
    bell.close()
    assert not ring(path)
    path.touch()
    again = Doorbell(path)
    assert ring(path)
    again.close()
