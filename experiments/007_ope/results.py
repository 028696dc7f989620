"""Results of one study in a JSON file, cell by cell: what an interrupted run had done is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Results:
    """``cells`` of a study by name, valid for one setting of it."""

    path: Path
    settings: Mapping[str, Any]

    def cells(self) -> dict[str, Any]:
        """What has been measured so far under these settings."""
        if not self.path.exists():
            return {}
        stored = json.loads(self.path.read_text(encoding="utf-8"))
        return stored["cells"] if stored["settings"] == self.settings else {}

    def once(self, name: str, measure: Callable[[], Any]) -> Any:
        """The cell of this name, measured and written down unless it is there."""
        cells = self.cells()
        if name not in cells:
            cells[name] = measure()
            text = json.dumps({"settings": self.settings, "cells": cells}, indent=1, default=lambda x: x.item())
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(text + "\n", encoding="utf-8")
        return cells[name]
