"""The staff: which processors the daemon has, and with what scripts and settings they work."""

import re
import sys
from collections.abc import Callable, Mapping

from cryobatch.daemon.gate import MachineGate
from cryobatch.daemon.groups import ProcessGroups
from cryobatch.errors import CryobatchError
from cryobatch.model.category import order_categories
from cryobatch.model.event import Level
from cryobatch.model.script import script_to_json
from cryobatch.processing.dispatcher import Dispatcher
from cryobatch.processing.local import LocalProcessor, gpu_environment
from cryobatch.processing.orders import Setup
from cryobatch.processing.plant import Plant
from cryobatch.project import Project
from cryobatch.project.site import site_file

CHECKED_AT_ONCE = 5
"""Images looked at between two rounds of the daemon: some thousandths of a second."""


def project_mark(project: Project) -> str:
    """Return how the marks of a project's processors begin."""
    return f"{project.settings.id}/"


class Staff:
    """Starts processors as the project's settings and scripts are, and keeps them so."""

    def __init__(
        self,
        project: Project,
        groups: ProcessGroups,
        gate: MachineGate,
        processors: int | None,
        note_full: Callable[[str], None],
    ) -> None:
        """Take note of where to look.

        Args:
            project: The project.
            groups: Are told of each process.
            gate: Shares the machine.
            processors: How many were asked for at the start; None: as the settings say.
            note_full: Is told that a disk had no room for a script's files.
        """
        self._note_full = note_full
        self._project = project
        self._groups = groups
        self._gate = gate
        self._asked = processors
        self._stamp = project.stamp()
        self._unchecked = list(project.find_unchecked())
        self._number = project.workforce.number(processors)
        project.workforce.forget_number()

    def plant(self) -> Plant:
        """Return the plant for the present scripts and settings."""
        scripts = self._project.catalog.scripts
        limit_gb = self._project.workforce.settings.memory_limit_gb
        return Plant(
            images=self._project.place.images,
            staging=self._project.place.staging,
            scratch=self._project.scratch(),
            start=self._start,
            gate=self._gate,
            max_losses=self._project.settings.queue.max_losses,
            memory_limit_bytes=None if limit_gb is None else int(limit_gb * 1e9),
            medians={name: s.medians for name, s in scripts.items() if s.medians},
            in_order=frozenset(name for name, s in scripts.items() if s.in_order),
            previous={name: s.previous for name, s in scripts.items() if s.previous},
            find_stale=self._project.images.find_stale,
            note_full=self._note_full,
        )

    def follow(self, dispatcher: Dispatcher) -> None:
        """Do what commands have written into the database."""
        dispatcher.notice()
        workforce = self._project.workforce
        wishes = workforce.read_wishes()
        number = workforce.number(self._asked if wishes.processors is None else wishes.processors)
        if number != self._number:
            self._number = number
            self._gate.resize(workforce.machine_places(number))
            dispatcher.resize(number)
        if wishes.cancelled:
            dispatcher.cancel(wishes.cancelled)
        if wishes.killed:
            workforce.forget_kills(wishes.killed)
            dispatcher.kill(wishes.killed)

    def reload(self, dispatcher: Dispatcher) -> None:
        """Take up changed scripts and settings; what is broken is reported and left as it was."""
        stamp = self._project.stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._project.reload()
        except CryobatchError as error:
            self._project.log.write(f"settings are left as they were: {error}", Level.ERROR)
            return
        dispatcher.replace_plant(self.plant())
        self.follow(dispatcher)
        self._unchecked = list(self._project.find_unchecked())

    def is_checking(self) -> bool:
        """Tell whether images are left whose results may have become stale."""
        return bool(self._unchecked)

    def check_some(self) -> None:
        """Find out which results of some images are stale; all at once would take long."""
        chunk, self._unchecked = (
            self._unchecked[:CHECKED_AT_ONCE],
            self._unchecked[CHECKED_AT_ONCE:],
        )
        if chunk:
            self._project.images.index(chunk)
            if not self._unchecked:
                self._project.note_checked()

    def _start(self, name: str) -> LocalProcessor:
        number = int(name.rpartition("-")[2]) - 1
        workforce = self._project.workforce
        processor = LocalProcessor(
            self._setup(name),
            mark=f"{project_mark(self._project)}{name}/",
            environment={
                **gpu_environment(number, workforce.settings.gpus),
                **workforce.environment(self._number),
                **program_environment(self._project.site.programs),
            },
            on_end=self._groups.forget,
        )
        self._groups.add(processor.group)
        return processor

    def _setup(self, name: str) -> Setup:
        project = self._project
        return Setup(
            processor=name,
            scripts=tuple(script_to_json(script) for script in project.catalog.scripts.values()),
            categories=order_categories(project.settings.categories),
            companions={
                root: project.settings.workflows[workflow]
                for root, workflow in project.settings.default_workflows.items()
            },
            site_parameters=project.site.parameters,
            project_parameters=project.settings.parameters,
            project_folder=str(project.place.folder),
            keep_products=project.settings.history.keep_products,
            threads=project.workforce.threads_each(self._number),
            gpus=project.workforce.settings.gpus,
            bring_back=(sys.executable, "-m", "cryobatch.project.recordings"),
            site_file=str(site_file().absolute()),
        )


def program_environment(programs: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that tell scripts where the site's programs are.

    >>> program_environment({"ctffind-5": "/opt/ctffind5/ctffind"})
    {'CRYOBATCH_PROGRAM_CTFFIND_5': '/opt/ctffind5/ctffind'}
    """
    return {
        f"CRYOBATCH_PROGRAM_{re.sub('[^A-Z0-9]', '_', name.upper())}": path
        for name, path in programs.items()
    }
