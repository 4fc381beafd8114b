"""Groups of commands, whose help has room for every line."""

from typing import Any

from typer.core import TyperGroup

_LONGEST = 500


class NounGroup(TyperGroup):
    """A group whose help tells the first sentence of each command whole, on several lines."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # Any: the parser is typer's own
        """Write the list of commands."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(_LONGEST)) for name, one in found if one is not None]
            )
