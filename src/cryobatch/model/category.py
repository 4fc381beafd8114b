"""Categories: the fixed order of the processing logic."""

from collections.abc import Mapping

from cryobatch.errors import SettingsError, UnknownNameError

CATEGORIES = (
    "Prepare Stack",
    "Drift Correct",
    "Fit CTF",
    "Pick Particles",
    "Calculate Statistics",
    "Share",
)


def order_categories(added: Mapping[str, str]) -> tuple[str, ...]:
    """Return all categories in their order.

    Args:
        added: A project's own categories, each with the one after which it stands.
    """
    ordered = list(CATEGORIES)
    waiting = dict(added)
    while waiting:
        ready = [name for name, after in waiting.items() if after in ordered]
        if not ready:
            name, after = next(iter(waiting.items()))
            raise SettingsError(
                f"category {name!r} stands after {after!r}, which is none of {', '.join(ordered)}"
            )
        for name in sorted(ready, reverse=True):
            ordered.insert(ordered.index(waiting.pop(name)) + 1, name)
    return tuple(ordered)


def rank_category(name: str, ordered: tuple[str, ...], script: str) -> int:
    """Return the place in the order of a script's category."""
    try:
        return ordered.index(name)
    except ValueError:
        hint = f" ({script} stands in it; one of your own stands in project.toml, in [categories])"
        raise UnknownNameError("category", name, ordered, hint) from None
