"""Experiments are scripts: their modules are imported by name from their folder, as ``python run.py`` does."""

from __future__ import annotations

import importlib
import json
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture
def module_of(monkeypatch) -> Iterator[Callable[[str, str], ModuleType]]:
    """A module by its folder and name, gone again afterwards: other experiments have a ``run`` too."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    present = set(sys.modules)

    def load(folder: str, name: str) -> ModuleType:
        monkeypatch.syspath_prepend(str(EXPERIMENTS / folder))
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - present:
        source = getattr(sys.modules[name], "__file__", None)
        if source and EXPERIMENTS in Path(source).parents:
            del sys.modules[name]


@pytest.fixture
def harness(module_of) -> Callable[[str], ModuleType]:
    """A module of the harness by its name."""
    return lambda name: module_of("", f"harness.{name}")


@pytest.fixture
def config_of() -> Callable[[str], dict[str, Any]]:
    """The configuration of an experiment."""
    return lambda folder: tomllib.loads((EXPERIMENTS / folder / "config.toml").read_text(encoding="utf-8"))


@pytest.fixture
def readme_of() -> Callable[[str], str]:
    """The README of an experiment."""
    return lambda folder: (EXPERIMENTS / folder / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def runs_of() -> Callable[[str], list[dict[str, Any]]]:
    """The runs of an experiment that are in the repository."""

    def load(folder: str) -> list[dict[str, Any]]:
        lines = (EXPERIMENTS / folder / "runs.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    return load
