"""What is recorded can be read back, and the caller's own MLflow state is left alone."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tactful.errors import MissingExtraError, TactfulError
from tactful.tracking import mlflow_run
from tactful.tracking.mlflow_run import default_uri, metric_name, record

EMPTY = {"params": {}, "metrics": {}, "tags": {}, "artifacts": {}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tracking")


@pytest.fixture(scope="module")
def uri(folder):
    return default_uri(folder / "new")


def read(uri, run):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    return client, client.get_run(run)


def test_everything_can_be_read_back(folder, uri, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "policy" / "deep").mkdir(parents=True)
    (folder / "policy" / "policy.json").write_text("{}")
    (folder / "policy" / "deep" / "x.txt").write_text("x")
    (folder / "map.png").write_bytes(b"png")
    run = record(
        uri,
        experiment="demo",
        run_name="first",
        params={"users": 100, "model": "hierarchical", "long": "ab" * 5000, "shape:a": (1, 2)},
        metrics={
            metric_name("target", "engaged", "snips", "value"): 0.25,
            "target/engaged/snips/se": float("nan"),
            "target/engaged/dr/low": None,
            "inf": float("inf"),
        },
        tags={"log": "0123"},
        artifacts={"policy": folder / "policy", "figures": folder / "map.png", "": folder / "map.png"},
    )
    client, got = read(uri, run)
    assert (got.info.run_name, got.info.status) == ("first", "FINISHED")
    assert got.data.metrics == {"target/engaged/snips/value": 0.25}
    assert got.data.params["users"] == "100"
    assert got.data.params["shape_a"] == "(1, 2)"
    assert len(got.data.params["long"]) == 6000
    assert got.data.params["long"].endswith("… (10000 characters)")
    assert got.data.tags["log"] == "0123"
    assert got.data.tags["metrics_not_finite"] == "target/engaged/snips/se, target/engaged/dr/low, inf"
    names = {f.path for at in ("", "policy", "policy/deep", "figures") for f in client.list_artifacts(run, at)}
    assert {"map.png", "figures/map.png", "policy/policy.json", "policy/deep/x.txt"} <= names
    assert got.info.artifact_uri.startswith((folder / "new" / "mlartifacts").as_uri())
    assert {p.name for p in folder.iterdir()} == {"new", "policy", "map.png"}  # no mlruns in the working directory


def test_an_experiment_is_created_once_and_batches_are_cut(uri):
    many = {f"m{i}": float(i) for i in range(1203)}
    texts = {f"p{i}": i for i in range(250)}
    a = record(uri, experiment="big", run_name="a", **EMPTY | {"metrics": many, "params": texts})
    b = record(uri, experiment="big", run_name="b", **EMPTY | {"tags": {f"t{i}": "" for i in range(130)}})
    _, one = read(uri, a)
    _, two = read(uri, b)
    assert one.data.metrics == many
    assert one.data.params == {p: str(i) for p, i in texts.items()}
    assert sum(t.startswith("t") for t in two.data.tags) == 130
    assert "metrics_not_finite" not in one.data.tags
    assert one.info.experiment_id == two.info.experiment_id


def test_the_callers_run_is_left_alone(uri, folder):
    import mlflow

    mine = default_uri(folder / "mine")
    record(mine, experiment="first", run_name="makes the store", **EMPTY)
    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(mine)
        with mlflow.start_run() as active:
            record(uri, experiment="other", run_name="inside", **EMPTY)
            assert mlflow.active_run().info.run_id == active.info.run_id
            assert mlflow.get_tracking_uri() == mine
    finally:
        mlflow.set_tracking_uri(before)


def test_a_refused_entry_marks_the_run_as_failed(uri, monkeypatch):
    monkeypatch.setattr(mlflow_run, "_name", lambda name: name)
    with pytest.raises(TactfulError, match="check the tracking URI"):
        record(uri, experiment="bad", run_name="r", **EMPTY | {"metrics": {"a@b": 1.0}})
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    (run,) = client.search_runs([client.get_experiment_by_name("bad").experiment_id])
    assert run.info.status == "FAILED"


def test_a_missing_artifact_and_an_unknown_store_are_refused(uri, tmp_path):
    with pytest.raises(TactfulError, match="no such artifact"):
        record(uri, experiment="demo", run_name="r", **EMPTY | {"artifacts": {"x": tmp_path / "absent"}})
    with pytest.raises(TactfulError, match="//…@host"):
        record("gopher://me:secret@host/x", experiment="demo", run_name="r", **EMPTY)


def test_a_file_that_is_no_store_is_refused(tmp_path):
    (tmp_path / "mlflow.db").write_text("a letter, not a database, and long enough to be told apart from an empty file")
    with pytest.raises(TactfulError, match="not a database"):
        record(default_uri(tmp_path), experiment="demo", run_name="r", **EMPTY)
    with pytest.raises(TactfulError, match="check the tracking URI"):
        record(default_uri(tmp_path / "mlflow.db"), experiment="demo", run_name="r", **EMPTY)


def test_without_mlflow_the_error_has_the_pip_line(monkeypatch, tmp_path):
    for name in [m for m in sys.modules if m == "mlflow" or m.startswith("mlflow.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tactful\[mlflow\]'"):
        record(default_uri(tmp_path), experiment="demo", run_name="r", **EMPTY)
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("target", "engaged", "snips", "value"), "target/engaged/snips/value"),
        (("always:5x@08:00", "a/b", "..", ""), "always_5x_08_00/a_b/__/_"),
    ],
)
def test_metric_names_are_ones_that_mlflow_takes(parts, name):
    from mlflow.utils.validation import _validate_metric_name

    assert metric_name(*parts) == name
    _validate_metric_name(metric_name(*parts))


def test_nothing_is_said_and_nothing_is_sent(tmp_path):
    """A fresh process writes nothing but its own output, and telemetry is off unless the user chose otherwise."""
    code = (
        "import os, sys; from pathlib import Path; from tactful.tracking.mlflow_run import *\n"
        "assert 'mlflow' not in sys.modules\n"
        f"record(default_uri(Path({str(tmp_path)!r})), experiment='e', run_name='r', params={{}}, metrics={{'a': 1.0}},"
        " tags={}, artifacts={})\n"
        "print(os.environ['MLFLOW_DISABLE_TELEMETRY'])\n"
        "from mlflow.telemetry import get_telemetry_client; assert get_telemetry_client() is None"
    )
    env = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "CI")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=tmp_path, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "true\n", "")
    assert sorted(p.name for p in Path(tmp_path).iterdir()) == ["mlflow.db"]
