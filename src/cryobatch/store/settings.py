"""What the project's processes tell each other by name: paused, wanted number of processors."""

import json
from typing import Any

from cryobatch.store.database import Reading, Transaction

PAUSED = "paused"
HELD = "held"
"""Why the daemon gives out nothing: not by a person's wish, and only it takes this back."""
PROCESSORS = "processors"


def put_setting(t: Transaction, name: str, value: Any) -> None:
    """Set what a name means (Any: JSON's own variety)."""
    t.execute(
        "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, json.dumps(value)),
    )


def get_setting(r: Reading, name: str, default: Any = None) -> Any:
    """Return what a name means (Any: JSON's own variety), or the default."""
    row = r.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return default if row is None else json.loads(row[0])


def delete_setting(t: Transaction, name: str) -> None:
    """Forget a name."""
    t.execute("DELETE FROM setting WHERE name = ?", (name,))
