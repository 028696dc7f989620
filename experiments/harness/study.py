"""One study: its command line, its configuration and the folder that its results go to."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.tables import inject

CONFIG, README = "config.toml", "README.md"


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a ``run.py`` has been asked to do."""

    folder: Path
    """The numbered folder of the experiment."""
    out: Path
    """Where results, tables and figures are written; the folder itself unless ``--out`` says another."""
    config: Mapping[str, Any]
    """All of ``config.toml``."""
    settings: dict[str, Any]
    """Its table ``run``, or ``small`` for a small run; ``seeds`` is cut to what ``--seeds`` says."""
    small: bool = False
    """Whether the small setting was asked for."""
    draw: bool = False
    """Whether only tables and figures were asked for, from results that are there."""
    options: argparse.Namespace = field(default_factory=argparse.Namespace)
    """The whole command line, for what only one experiment has."""

    @property
    def name(self) -> str:
        """The name of the folder, such as ``004_regret``."""
        return self.folder.name

    def write_readme(self, fragments: Mapping[str, str]) -> None:
        """Write the experiment's README with each fragment between its marks into the folder of results."""
        text = (self.folder / README).read_text(encoding="utf-8")
        for name, fragment in fragments.items():
            text = inject(text, name, fragment)
        (self.out / README).write_text(text, encoding="utf-8")


def parser(description: str | None, store: str, *, small: str = "two small seeds") -> argparse.ArgumentParser:
    """The options that every experiment has.

    Parameters
    ----------
    description
        The docstring of ``run.py``; its first line is shown.
    store
        What holds the results, such as ``runs.jsonl``: the help names it.
    small
        What the small setting is.
    """
    options = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    options.add_argument("--small", action="store_true", help=small)
    options.add_argument("--draw", action="store_true", help=f"only the tables and the figure, from {store}")
    options.add_argument("--out", type=Path, help=f"folder of {store}, README.md and the figure")
    return options


def seeds_parser(description: str | None) -> argparse.ArgumentParser:
    """The options of an experiment that keeps its runs in ``runs.jsonl``, seed by seed."""
    options = parser(description, "runs.jsonl")
    options.add_argument("--seeds", type=int, help="stop after so many seeds, for now")
    return options


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of an experiment."""
    return tomllib.loads((folder / CONFIG).read_text(encoding="utf-8"))


def read_study(script: str, options: argparse.ArgumentParser) -> Study:
    """The study that the command line asks of a ``run.py``; its folder of results is created if need be."""
    folder, chosen = Path(script).resolve().parent, options.parse_args()
    out: Path = chosen.out or folder
    out.mkdir(parents=True, exist_ok=True)
    config = read_config(folder)
    settings = dict(config["small" if chosen.small else "run"])
    if seeds := vars(chosen).get("seeds"):
        settings["seeds"] = seeds
    return Study(
        folder=folder, out=out, config=config, settings=settings, small=chosen.small, draw=chosen.draw, options=chosen
    )
