"""What the README shows is what works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_ci_runs_the_test_command_of_the_readme():
    command = next(b.strip() for b in blocks("sh") if "pytest" in b)
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_two_commands_stand_on_the_first_screen():
    first_screen = "\n".join(README.splitlines()[:24])
    assert "tactful demo" in first_screen
    assert ".venv/bin/pytest" in first_screen


def test_the_python_of_the_readme_runs(tmp_path):
    import tactful as tt
    from tactful.simulate.world_config import lively
    from tactful.simulate.world_spec import world_spec

    world = tt.World(lively())
    simulated = world.simulate(6000, 8, seed=3)
    tt.write_log(simulated.log, tmp_path / "log.parquet")
    (tmp_path / "spec.toml").write_text(world_spec(world.config, simulated.log.as_of), encoding="utf-8")
    code = "\n".join(blocks("python"))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "snips" in done.stdout


def test_the_spec_of_the_readme_parses(tmp_path):
    import tactful as tt

    (tmp_path / "spec.toml").write_text(blocks("toml")[0], encoding="utf-8")
    assert tt.LogSpec.from_toml(tmp_path / "spec.toml").actions.k == 21


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_links_of_the_readme_lead_somewhere(link):
    assert (ROOT / link).exists()
