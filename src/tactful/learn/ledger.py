"""The ledger of a holdout: who looked at it, when, and for which policy; kept beside the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tactful.core.files import replacing
from tactful.errors import LogError
from tactful.policies.base import Lineage


def ledger_path(log: Path) -> Path:
    """Where the ledger of a log file stands."""
    return log.with_name(log.name + ".ledger.json")


def holdout(lineage: Lineage) -> str:
    """The name of a holdout: its salt and share."""
    return f"{lineage.split_salt}:{lineage.split_share:g}"


def enter(path: Path, lineage: Lineage, look: Mapping[str, Any]) -> int:
    """Enter a look at a holdout into the ledger at ``path``; returns how many there were, with this one.

    Raises
    ------
    LogError
        The ledger is damaged or cannot be written.
    """
    try:
        ledger: Any = json.loads(path.read_text()) if path.exists() else {"format": 1, "holdouts": {}}
        looks: list[Any] = ledger["holdouts"].setdefault(holdout(lineage), {"looks": []})["looks"]
        looks.append({"at": datetime.now(UTC).isoformat(timespec="seconds"), **look})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise LogError("the ledger is damaged", str(path), "restore it, or move it away to start a new one") from None
    try:
        with replacing(path) as part:
            part.write_text(json.dumps(ledger, indent=1))
    except OSError as error:
        raise LogError(f"cannot be written ({error.strerror})", str(path), "name another place with --ledger") from None
    return len(looks)
