"""Runs in a file of JSON lines: each is written when it ends, so that an interrupted study goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "runs.jsonl"
Run = Mapping[str, Any]


@dataclass(frozen=True)
class RunFile:
    """The runs of a study; ``key`` names the fields that tell one run from another."""

    path: Path
    key: tuple[str, ...]

    def load(self) -> list[dict[str, Any]]:
        """The runs that are there."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def keys(self) -> set[tuple[Any, ...]]:
        """The keys of the runs that are there."""
        return {tuple(run[name] for name in self.key) for run in self.load()}

    def missing(self, wanted: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
        """The wanted keys of which there was no run at the beginning, in their order."""
        present = self.keys()
        return (key for key in wanted if key not in present)

    def append(self, run: Run) -> None:
        """Write one more run."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(run) + "\n")
