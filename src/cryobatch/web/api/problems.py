"""Problems: what scripts, and files that give them parameters, have wrong, in words."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryobatch.errors import CryobatchError
from cryobatch.project import Project
from cryobatch.project.parameter_faults import ParameterFault
from cryobatch.project.stamps import sign_surroundings
from cryobatch.store.text import storable
from cryobatch.web.api.freshness import Fresh


@dataclass(slots=True)
class Problems:
    """Looks at scripts and parameters, at groups' files only when one has changed.

    Args:
        project: The project.
        fresh: Reads settings and scripts again when they have changed.
    """

    project: Project
    fresh: Fresh
    _signature: str = ""
    _faults: Sequence[ParameterFault] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell_all(self) -> list[str]:
        """Return all problems, each with the file it is in, what fails an image first."""
        faults = sorted(self._find(), key=lambda fault: fault.is_doubtful)
        scripts = [f"{one.place}: {one.text}" for one in self.project.catalog.problems]
        return [storable(text) for text in (*(fault.text for fault in faults), *scripts)]

    def tell_wrong_parameters(self) -> list[str]:
        """Return what hinders images, each with the file it is in."""
        return [storable(fault.text) for fault in self._find() if not fault.is_doubtful]

    def _find(self) -> Sequence[ParameterFault]:
        with self._lock:
            try:
                self.fresh()
            except CryobatchError as error:
                return [ParameterFault(str(error))]  # the settings before hold on
            project = self.project
            layers = (project.site.parameters, project.settings.parameters)
            signature = sign_surroundings(project.catalog.scripts, layers, project.place.images)
            if signature != self._signature:
                self._faults = project.find_parameter_faults()
                self._signature = signature
            return self._faults
