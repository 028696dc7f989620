"""The tables of each README on real logs are those that its run.py makes."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["000_bank", "001_heartsteps", "002_open_bandit"])
def test_the_tables_are_reproduced(name, module_of, config_of, readme_of):
    config, readme = config_of(name), readme_of(name)
    if not (ROOT / config["log"]).exists():
        pytest.skip(f"no {config['log']} beside the repository: the real logs are not part of it")
    for table in module_of(name, "run").tables(ROOT / config["log"], config):
        assert table.markdown() in readme, f"paste the new table {table.title!r} into the README"
