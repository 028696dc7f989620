"""The tables of each README are those that its run.py makes."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["000_bank", "001_heartsteps", "002_open_bandit"])
def test_the_tables_are_reproduced(name):
    folder = ROOT / "experiments" / name
    config = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    if not (ROOT / config["log"]).exists():
        pytest.skip(f"no {config['log']} beside the repository: the real logs are not part of it")
    spec = importlib.util.spec_from_file_location(f"experiment_{name}", folder / "run.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for table in module.tables(ROOT / config["log"], config):
        made = table.markdown()
        assert made in readme, f"paste the new table {table.title!r} into the README"
