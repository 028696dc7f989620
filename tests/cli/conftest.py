"""The command line, called as a user calls it, in this process."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import NamedTuple

import pytest

from tactful.cli.main import main


class Done(NamedTuple):
    """What a command left: its exit code, and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def no_tracking(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def tactful(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        return Done(stop.value.code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """A folder with a simulated log, its spec, and a policy that was fitted on a part of it; only to be read.

    So small a log cannot promise few opt-outs: the limit of the spec is loose.
    """
    folder = tmp_path_factory.mktemp("shop")
    log, spec = folder / "log.parquet", folder / "log.spec.toml"
    steps = [
        ["simulate", "--users", "300", "--periods", "4", "--seed", "1", "--out", str(log)],
        ["fit", str(log), "--spec", str(spec), "--out", str(folder / "policy")],
    ]
    for step in steps:
        with redirect_stdout(StringIO()), pytest.raises(SystemExit) as stop:
            main(step)
        assert stop.value.code == 0
        if step[0] == "simulate":
            spec.write_text(spec.read_text().replace("opted_out = 0.005 ", "opted_out = 0.05 "))
    return folder
