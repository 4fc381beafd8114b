"""Find dead links between the project's own texts."""

import re
import subprocess
import sys
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def find_dead_links(text: Path) -> list[str]:
    """Return a line for each relative link of a Markdown file that leads nowhere."""
    dead = []
    for target in LINK.findall(text.read_text(encoding="utf-8")):
        place = target.partition("#")[0]
        if place and "://" not in place and not (text.parent / place).exists():
            dead.append(f"{text}: {target} leads nowhere")
    return dead


def main() -> int:
    """Check all texts that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],  # noqa: S607
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    dead = [line for name in listed.stdout.split() for line in find_dead_links(Path(name))]
    print("\n".join(dead) or "links: none is dead")
    return bool(dead)


if __name__ == "__main__":
    sys.exit(main())
