"""Staleness: which of an image's results are not what they would be if their scripts ran now."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryobatch.errors import CryobatchError
from cryobatch.model.batch import ParameterSet
from cryobatch.model.facts import FACTS
from cryobatch.model.fingerprint import fingerprint_product
from cryobatch.model.image import ImageRecord
from cryobatch.model.product import TRANSIENT_PRODUCTS
from cryobatch.model.resolution import resolve_parameters
from cryobatch.model.script import Script
from cryobatch.processing.currency import Surroundings, fingerprint_script, gather_reads
from cryobatch.processing.lineage import Lineage, trace_inputs


def find_stale(record: ImageRecord, surroundings: Surroundings) -> tuple[str, ...]:
    """Return the scripts whose results are not what they would be if they ran now.

    One of whose products a file is gone is stale too, and so is what depends on a changed one. The
    results of a script that nobody knows any more stay as they are: nothing could renew them.
    """
    present = _Present(record, surroundings)
    changed: set[str] = set()
    for name in _in_order_of_dependence(record, surroundings.scripts):
        if name not in surroundings.scripts:
            present.fingerprints[name] = record.runs[name].fingerprint
            continue
        sources = _sources(name, record, surroundings.scripts)
        now = present.fingerprint_recorded(name)
        if now != record.runs[name].fingerprint or not changed.isdisjoint(sources):
            changed.add(name)
    robbed = _find_robbed(record, surroundings) & set(surroundings.scripts)
    return tuple(sorted(changed | robbed))


def _find_robbed(record: ImageRecord, surroundings: Surroundings) -> set[str]:
    return {
        name
        for name, run in record.runs.items()
        if not all(map(surroundings.is_there, run.products.values()))
    }


def _sources(name: str, record: ImageRecord, scripts: Mapping[str, Script]) -> set[str]:
    """Return the scripts of whose products and values a run made use."""
    sources = {maker for makers in record.runs[name].inputs.values() for maker in makers}
    reads = scripts[name].reads if name in scripts else ()
    read = {item.name for item in reads} - set(FACTS) - set(record.person.locks)
    sources |= {owner for owner, values in record.values.items() if not read.isdisjoint(values)}
    return sources - {name}


def _in_order_of_dependence(record: ImageRecord, scripts: Mapping[str, Script]) -> list[str]:
    makers = {product: name for name, run in record.runs.items() for product in run.made}
    ordered: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in ordered or name in path or name not in record.runs:
            return
        inputs = scripts[name].inputs if name in scripts else ()
        since = {makers[p] for item in inputs for p in item.names if p in makers}
        for earlier in sorted(_sources(name, record, scripts) | since):
            visit(earlier, (*path, name))
        ordered.append(name)

    for name in sorted(record.runs):
        visit(name, ())
    return ordered


@dataclass(slots=True)
class _Present:
    """What runs would find now.

    Args:
        record: The image's record.
        surroundings: What else runs depend on.
        fingerprints: Of the runs that were looked at, as they would be now.
    """

    record: ImageRecord
    surroundings: Surroundings
    fingerprints: dict[str, str] = field(default_factory=dict)

    def fingerprint_recorded(self, name: str) -> str:
        """Return what the fingerprint of a run on record would be now."""
        run = self.record.runs[name]
        transients = {p: makers for p, makers in run.inputs.items() if p in TRANSIENT_PRODUCTS}
        self.fingerprints[name] = self._fingerprint(name, transients, run.given)
        return self.fingerprints[name]

    def _fingerprint(self, name: str, transients: Lineage, given: ParameterSet) -> str:
        script = self.surroundings.scripts.get(name)
        if script is None:
            return "the script is gone"
        try:
            traced = trace_inputs(script, self.record, transients)
            return fingerprint_script(
                script,
                resolve_parameters(script, (*self.surroundings.layers, given)),
                gather_reads(script, self.record),
                {p: self._fingerprint_input(p, traced[p], transients, given) for p in traced},
                self.surroundings.digest,
            )
        except CryobatchError as error:
            return f"cannot run: {error}"

    def _fingerprint_input(
        self, product: str, makers: tuple[str, ...], transients: Lineage, given: ParameterSet
    ) -> str:
        if not makers:
            return self.surroundings.recording
        others = {name: chain for name, chain in transients.items() if name != product}
        found = []
        for index, maker in enumerate(makers):
            # What leaves no record, as a stack's transformer, is known by its own inputs.
            before = {**others, product: makers[:index]} if index else others
            known = self.fingerprints.get(maker)
            found.append(self._fingerprint(maker, before, given) if known is None else known)
        return fingerprint_product(product, tuple(found))
