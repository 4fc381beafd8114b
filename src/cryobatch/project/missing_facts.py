"""Missing facts: what scripts must know of new recordings, and how a person is asked for it."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from cryobatch.importing import Recording
from cryobatch.model.batch import ParameterSet
from cryobatch.model.facts import FACTS
from cryobatch.model.image import Fact
from cryobatch.model.resolution import resolve_parameters
from cryobatch.model.workflow import Workflow


def find_missing_facts(
    recordings: Sequence[Recording],
    facts: Mapping[str, Mapping[str, Fact]],
    needed: Mapping[str, Collection[str]],
) -> dict[str, list[Recording]]:
    """Find what scripts must know of recordings and nobody has said.

    Args:
        recordings: Those to look at.
        facts: Their facts, by source id.
        needed: Names of needed facts, by root product.

    Returns:
        Recordings by the fact that they lack.
    """
    missing: dict[str, list[Recording]] = {}
    for recording in recordings:
        for name in sorted(needed.get(recording.root_product, ())):
            if name not in facts[recording.source_id]:
                missing.setdefault(name, []).append(recording)
    return missing


def needed_facts(workflow: Workflow, layers: Iterable[ParameterSet]) -> set[str]:
    """Return the names of the facts that a workflow's scripts must know.

    Drift correction weights by dose unless its parameters say otherwise: what that needs is better
    asked for now than at night.
    """
    scripts = {script.name: script for script in workflow.scripts}
    reads = {read.name for s in scripts.values() for read in s.reads if not read.optional}
    drift = scripts.get("correct_drift")
    if drift is not None and resolve_parameters(drift, layers).get("dose_weighting"):
        reads |= {"dose_per_frame", "voltage"}
    return reads & set(FACTS)


def ask_for(name: str, recordings: Sequence[Recording]) -> str:
    """Return the words that ask for a fact and name the option."""
    declared = FACTS[name]
    option = "--" + name.replace("_", "-")
    unit = declared.unit or declared.kind
    count = f"{len(recordings)} recordings" if len(recordings) > 1 else recordings[0].path.name
    return f"{declared.help} of {count} is unknown: give it with {option} ({unit})"
