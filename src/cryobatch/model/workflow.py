"""Workflows: chosen scripts in the order that follows from the processing logic."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from cryobatch.errors import UnknownNameError, WorkflowError
from cryobatch.model.category import CATEGORIES, rank_category
from cryobatch.model.product import COMPANIONS, TRANSIENT_PRODUCTS, Input
from cryobatch.model.script import Script


@dataclass(frozen=True, slots=True)
class Workflow:
    """Scripts in the order in which they run.

    Args:
        scripts: All of them.
        chosen: Names of those that were asked for.
        added: Names of the makers and transformers of transient products that came along.
        left_out: Why a chosen script does not apply to this kind of image, by name.
    """

    scripts: tuple[Script, ...]
    chosen: frozenset[str]
    added: frozenset[str]
    left_out: Mapping[str, str]

    def chosen_in_order(self) -> tuple[str, ...]:
        """Return the names of the chosen scripts that apply, in the order in which they run."""
        return tuple(script.name for script in self.scripts if script.name in self.chosen)

    def producers(self, product: str) -> tuple[str, ...]:
        """Return the names of a product's maker and transformers, in their order."""
        return tuple(script.name for script in self.scripts if product in script.outputs)


def plan_workflow(
    chosen: Iterable[str],
    known: Mapping[str, Script],
    *,
    root: str,
    present: Collection[str] = (),
    companions: Collection[str] = (),
    categories: tuple[str, ...] = CATEGORIES,
) -> Workflow:
    """Choose, complete and order the scripts of a workflow for one kind of image.

    Args:
        chosen: Names of the scripts that a person wants.
        known: All scripts by name.
        root: The image's root product, "movie" or "micrograph".
        present: Other products that the image already has.
        companions: Scripts of the project's own workflow: those of them that transform a transient
            product come along when its maker is added, so that a later step of the same workflow
            sees the same stack.
        categories: All categories in their order.

    Raises:
        WorkflowError: There is no such workflow; the text says which scripts would help.
    """
    wanted = _look_up(chosen, known)
    if not wanted:
        raise WorkflowError("a workflow needs at least one script")
    applicable, left_out = _leave_out(wanted, known, root)
    if not applicable:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise WorkflowError(f"none of the chosen scripts applies to a {root} ({reasons})")
    complete = _add_makers(applicable, known, companions, present)
    own = [known[name] for name in companions if name in known]
    complete = _without_misleading(complete, own)
    _check_single_makers(complete.values(), root)
    _check_inputs(complete, known, {root, *present})
    ordered = _order(complete, categories)
    return Workflow(
        scripts=ordered,
        chosen=frozenset(applicable),
        added=frozenset(set(complete) - set(applicable)),
        left_out=left_out,
    )


def makers_of(product: str, scripts: Iterable[Script]) -> list[Script]:
    """Return the scripts that make a product out of others."""
    return [s for s in scripts if product in s.outputs and product not in s.transforms]


def _look_up(chosen: Iterable[str], known: Mapping[str, Script]) -> dict[str, Script]:
    wanted: dict[str, Script] = {}
    for name in chosen:
        if name not in known:
            raise UnknownNameError("script", name, known, hint=" (see 'cryobatch scripts list')")
        wanted[name] = known[name]
    return wanted


def _leave_out(
    wanted: Mapping[str, Script], known: Mapping[str, Script], root: str
) -> tuple[dict[str, Script], dict[str, str]]:
    if root == "movie":
        return dict(wanted), {}
    movie_only = _find_movie_only(known, root)
    left_out: dict[str, str] = {}
    for name, script in wanted.items():
        if root in script.outputs and root not in script.transforms:
            left_out[name] = f"the image is already a {root}"
        elif name in movie_only:
            left_out[name] = f"it works on the frames of a movie, and the image is a {root}"
    return {n: s for n, s in wanted.items() if n not in left_out}, left_out


def _find_movie_only(known: Mapping[str, Script], root: str) -> set[str]:
    """Find the scripts that need what only a movie can give."""
    found = {n for n, s in known.items() if root in s.outputs and root not in s.transforms}
    while True:
        supplied = {root}
        supplied |= {out for n, s in known.items() if n not in found for out in s.outputs}
        supplied -= {"movie"}
        more = {n for n, s in known.items() if n not in found and _is_starved(s, supplied)}
        if not more:
            return found
        found |= more


def _is_starved(script: Script, supplied: Collection[str]) -> bool:
    # What a script itself makes out of an input does not supply that input.
    outside = {name for name in supplied if name not in script.transforms}
    return any(
        not item.optional
        and not any(name in outside for name in item.names)
        and any(name in TRANSIENT_PRODUCTS or name == "movie" for name in item.names)
        for item in script.inputs
    ) or any(
        not item.optional and not any(name in supplied for name in item.names)
        for item in script.inputs
    )


def _add_makers(
    applicable: Mapping[str, Script],
    known: Mapping[str, Script],
    companions: Collection[str],
    present: Collection[str],
) -> dict[str, Script]:
    complete = dict(applicable)
    open_products = _missing_transients(complete, present)
    while open_products:
        product = open_products.pop()
        maker = _only_maker(product, known, companions)
        complete[maker.name] = maker
        for name in companions:
            if name in known and product in known[name].transforms:
                complete[name] = known[name]
        open_products = _missing_transients(complete, present)
    return complete


def _missing_transients(scripts: Mapping[str, Script], present: Collection[str]) -> set[str]:
    made = {name for script in scripts.values() for name in script.outputs
            if name not in script.transforms}  # fmt: skip
    return {
        item.names[0]
        for script in scripts.values()
        for item in script.inputs
        if not item.optional
        and not any(name in made or name in present for name in item.names)
        and item.names[0] in TRANSIENT_PRODUCTS
    }


def _without_misleading(scripts: Mapping[str, Script], own: Iterable[Script]) -> dict[str, Script]:
    """Let nobody read a companion of a product that a script reads without it.

    Those of the project's own workflow count too, so that a part of it sees the same as the whole.
    """
    everybody = [*scripts.values(), *own]
    dropped = {
        companion
        for companion, product in COMPANIONS.items()
        if any(product in s.reads_products and companion not in s.reads_products for s in everybody)
    }
    return {name: script.without_inputs(dropped) for name, script in scripts.items()}


def _only_maker(product: str, known: Mapping[str, Script], companions: Collection[str]) -> Script:
    makers = makers_of(product, known.values())
    preferred = [maker for maker in makers if maker.name in companions]
    if len(preferred) == 1:
        return preferred[0]
    if not makers:
        raise WorkflowError(f"no known script makes the product {product!r}")
    if len(makers) > 1:
        names = ", ".join(sorted(maker.name for maker in makers))
        raise WorkflowError(f"several scripts make the product {product!r}: add one of {names}")
    return makers[0]


def _check_single_makers(scripts: Iterable[Script], root: str) -> None:
    owner: dict[str, str] = {}
    for script in scripts:
        made = [f"product {name}" for name in script.outputs if name not in script.transforms]
        # What transforms a kept product writes a file of its own: else it could never run again.
        made += [f"file {o.file}" for n, o in script.outputs.items() if n not in TRANSIENT_PRODUCTS]
        for thing in made + [f"value {name}" for name in script.values]:
            if thing in owner:
                raise WorkflowError(
                    f"both {owner[thing]} and {script.name} make the {thing}: choose one of them"
                )
            owner[thing] = script.name
        if root in script.outputs and root not in script.transforms:
            raise WorkflowError(f"{script.name} makes the {root} that was recorded: leave it out")


def _check_inputs(
    complete: Mapping[str, Script], known: Mapping[str, Script], present: Collection[str]
) -> None:
    made = {name for script in complete.values() for name in script.outputs}
    for script in complete.values():
        for item in script.inputs:
            if item.optional or any(n in made or n in present for n in item.names):
                continue
            helpers = sorted({m.name for n in item.names for m in makers_of(n, known.values())})
            way_out = f"add {' or '.join(helpers)}" if helpers else "no known script makes it"
            raise WorkflowError(f"{script.name} needs {' or '.join(item.names)}: {way_out}")


def _order(scripts: Mapping[str, Script], categories: tuple[str, ...]) -> tuple[Script, ...]:
    rank = {name: rank_category(s.category, categories, name) for name, s in scripts.items()}
    before = _find_predecessors(scripts, rank)
    ordered: list[Script] = []
    ready = [(rank[name], name) for name, earlier in before.items() if not earlier]
    heapify(ready)
    while ready:
        _, name = heappop(ready)
        ordered.append(scripts[name])
        for other, earlier in before.items():
            if name in earlier:
                earlier.remove(name)
                if not earlier:
                    heappush(ready, (rank[other], other))
    if len(ordered) < len(scripts):
        stuck = sorted(set(scripts) - {script.name for script in ordered})
        raise WorkflowError(f"{', '.join(stuck)} wait for each other's products or values")
    return tuple(ordered)


def _find_predecessors(
    scripts: Mapping[str, Script], rank: Mapping[str, int]
) -> dict[str, set[str]]:
    before: dict[str, set[str]] = {name: set() for name in scripts}
    for name, script in scripts.items():
        for other_name, other in scripts.items():
            need = _need(script, other)
            if name == other_name or need is None:
                continue
            if rank[other_name] <= rank[name]:
                before[name].add(other_name)
            elif need:
                raise WorkflowError(
                    f"{name} ({script.category}) needs what {other_name} makes, and that is in the "
                    f"later category {other.category}: put one of them into another category"
                )
    return before


def _need(script: Script, other: Script) -> bool | None:
    """Tell whether a script must (True), would rather (False) or need not (None) run after another.

    Of one product the maker comes first, then its transformers by name, then its readers.
    """
    needs = [_need_product(item, script, other) for item in script.inputs]
    needs += [not read.optional for read in script.reads if read.name in other.values]
    found = [need for need in needs if need is not None]
    return any(found) if found else None


def _need_product(item: Input, script: Script, other: Script) -> bool | None:
    shared = [name for name in item.names if name in other.outputs]
    if not shared:
        return None
    both_transform = all(n in script.transforms and n in other.transforms for n in shared)
    if both_transform and other.name > script.name:
        return None
    return not item.optional and len(item.names) == 1
