"""Lineage: which scripts made and transformed the products that a script reads."""

from collections.abc import Mapping

from cryobatch.model.image import ImageRecord
from cryobatch.model.script import Script

Lineage = Mapping[str, tuple[str, ...]]
"""For each product its maker and transformers in their order; none for a root product."""


def find_chain(record: ImageRecord, product: str, reader: Script) -> tuple[str, ...]:
    """Return what made and transformed a kept product before a script reads it.

    Args:
        record: The image's record.
        product: The product.
        reader: Who reads it. Of those that transform it too, the ones behind it do not count.

    Returns:
        The maker, then transformers by name; empty when the product was not made.
    """
    having = [name for name, run in record.runs.items() if product in run.products]
    makers = [name for name in having if product in record.runs[name].made]
    if not makers:
        return ()
    transforming = sorted(name for name in having if name not in makers)
    if product in reader.transforms:
        transforming = [name for name in transforming if name < reader.name]
    return (makers[0], *transforming)


def trace_inputs(script: Script, record: ImageRecord, transients: Lineage) -> Lineage:
    """Return what a script would read if it ran now.

    Args:
        script: The script.
        record: The image's record.
        transients: The transient products that would be there for it.
    """
    traced: dict[str, tuple[str, ...]] = {}
    for item in script.inputs:
        for name in item.names:
            found = _trace_product(name, script, record, transients)
            if found is not None:
                traced[name] = found
                break
    return traced


def _trace_product(
    name: str, script: Script, record: ImageRecord, transients: Lineage
) -> tuple[str, ...] | None:
    if name == record.image.root_product:
        return ()
    if name in transients:
        return transients[name]
    return find_chain(record, name, script) or None
