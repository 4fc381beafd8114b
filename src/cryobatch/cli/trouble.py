"""What is wrong, told on standard error so that nobody takes it for a result."""

import sys

PREFIX = "cryobatch: "


def tell_trouble(text: str) -> None:
    """Print what is wrong; further lines of it stand below the first one's text."""
    print(PREFIX + text.replace("\n", "\n" + " " * len(PREFIX)), file=sys.stderr)
