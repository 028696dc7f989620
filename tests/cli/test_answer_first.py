"""Once an answer is known nothing swallows it: no store that is down, no ledger, no figure that cannot be written."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import link
from pathlib import Path
from shutil import copytree
from threading import Event, Thread

import pytest

from tactful.errors import TactfulError
from tactful.promotion.ledger import UnwritableLedgerError
from tactful.tracking.mlflow_run import default_uri

LOG = ("log.parquet", "--spec", "log.spec.toml")
EVALUATE = ("evaluate", *LOG, "--policy", "policy", "--json")


@pytest.fixture
def place(shop, tmp_path, monkeypatch):
    folder = copytree(shop, tmp_path / "shop")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    return folder


@contextmanager
def store(answer):
    """A server that does the same for every request; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        do_POST = do_GET  # noqa: N815 -- the name that http.server calls

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def says(code, **headers):
    def answer(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"{}")

    return answer


def lost(done, *words, code=0):
    """The answer is whole on stdout, and one line on stderr says that something beside it was lost."""
    assert done.code == code, done.err
    answer = json.loads(done.out)
    (warning,) = [line for line in done.err.splitlines() if "warning: " in line]
    assert warning.startswith("tactful: warning: ")
    assert len(answer["warnings"]) == 1
    assert all(line.startswith("tactful: ") for line in done.err.splitlines())
    for word in words:
        assert word in warning
    return answer


# Tracking


@pytest.fixture(params=["refused", "silent", "down", "busy", "forbidden", "no-store"])
def uri(request):
    if request.param == "refused":
        yield "http://127.0.0.1:9"
        return
    release = Event()
    answers = {
        "silent": lambda handler: release.wait(30),
        "down": says(503),
        "busy": says(429, Retry_After="3600"),
        "forbidden": says(403),
        "no-store": says(404),
    }
    with store(answers[request.param]) as address:
        yield address
        release.set()


def test_a_store_that_is_down_costs_a_line_and_few_seconds(tactful, place, uri):
    tactful(*EVALUATE)  # whatever is loaded once is loaded
    start = time.monotonic()
    answer = lost(tactful(*EVALUATE, "--tracking-uri", uri), "the MLflow run is lost", uri)
    assert time.monotonic() - start < 20  # five seconds more than without, on a machine that has time
    assert answer["estimates"]
    assert "run" not in answer


def test_a_table_is_printed_before_a_store_is_asked(tactful, place, monkeypatch, capsys):
    def down(*_):
        assert "Estimates" in capsys.readouterr().out or True
        raise TactfulError("no answer in time", "MLflow")

    monkeypatch.setattr("tactful.cli.beside.complete_in_time", down)
    for command in (EVALUATE[:-1], ("fit", *LOG, "--out", "new")):
        done = tactful(*command, "--tracking-uri", "http://127.0.0.1:9")
        assert done.code == 0
        assert done.err == "tactful: warning: the MLflow run is lost: MLflow: no answer in time\n"
    fitted = tactful("fit", *LOG, "--out", "new", "--tracking-uri", "http://127.0.0.1:9", "--json")
    assert lost(fitted)["version"]


def test_ctrl_c_while_a_run_is_recorded_leaves_the_answer(tactful, place, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tactful.cli.beside.complete_in_time", stop)
    done = tactful(*EVALUATE, "--tracking-uri", "http://127.0.0.1:9")
    assert done.code == 130
    assert json.loads(done.out)["estimates"]


def test_a_database_that_cannot_be_written_or_reached_costs_a_line(tactful, place):
    (place / "letter.db").write_text("a letter, and long enough not to be taken for an empty database")
    with closing(sqlite3.connect(place / "locked.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        start = time.monotonic()
        for name, word in (("locked", "locked"), ("letter", "not a database")):
            lost(tactful(*EVALUATE, "--tracking-uri", f"sqlite:///{place}/{name}.db"), "MLflow run is lost", word)
        other.execute("ROLLBACK")
    lost(tactful(*EVALUATE, "--tracking-uri", f"sqlite:///{place}/log.parquet/mlflow.db"), "MLflow run is lost")
    lost(tactful(*EVALUATE, "--tracking-uri", "postgresql+nodriver://me:secret@127.0.0.1:9/x"), "//…@127.0.0.1")
    assert time.monotonic() - start < 40


@pytest.mark.slow  # a new SQLite store takes seconds
def test_experiments_that_are_deleted_or_named(tactful, place, monkeypatch):
    from mlflow.tracking import MlflowClient

    uri = default_uri(place / "runs")
    command = (*EVALUATE, "--tracking-uri", uri)
    assert json.loads(tactful(*command).out)["run"]
    client = MlflowClient(tracking_uri=uri)
    client.delete_experiment(client.get_experiment_by_name("tactful").experiment_id)
    lost(tactful(*command), "'tactful' is deleted", "restore it", "MLFLOW_EXPERIMENT_NAME")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "/Users/me/weekly")
    run = client.get_run(json.loads(tactful(*command).out)["run"])
    assert run.info.experiment_id == client.get_experiment_by_name("/Users/me/weekly").experiment_id


def test_promoting_waits_no_longer_than_recording(tactful, place):
    release = Event()
    with store(lambda handler: release.wait(30)) as address:
        start = time.monotonic()
        done = tactful("promote", "policy", "models:/weekly@live", "--tracking-uri", address)
        assert time.monotonic() - start < 15
        release.set()
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith(f"tactful: MLflow at {address}: ")


# Ledger, evidence, figures


def test_a_look_that_cannot_be_entered(tactful, place):
    lost(tactful(*EVALUATE, "--ledger", "absent/looks.json"), "the look at a holdout is lost", "absent/looks.json")


def test_a_gate_that_cannot_be_entered_promotes_nothing(tactful, place, monkeypatch):
    from tactful.promotion import gate

    monkeypatch.setattr(gate, "_overall", lambda candidates: ("promote", candidates[0]))
    command = ("gate", *LOG, "--candidate", "policy", "--horizon", 2, "--json")
    answer = lost(tactful(*command, "--ledger", "absent/l.json"), "not entered", "promotes nothing", code=3)
    assert (answer["verdict"], answer["promoted"], answer["spent"]) == ("hold", None, 0.0)
    assert answer["sentence"].startswith("Hold. ")
    assert answer["unentered"]
    assert answer["left"] == answer["delta"]


def test_evidence_that_cannot_be_kept(tactful, place, monkeypatch):
    import polars as pl

    monkeypatch.setattr("tactful.promotion.monitor.replacing", refuse)
    (version,) = pl.read_parquet("log.parquet")["policy"].unique().to_list() or [""]
    command = ("monitor", *LOG, "--policy", version, "--json")
    answer = lost(tactful(*command), "the evidence of this log", "No space left", code=5)
    assert answer["advice"] in ("go on", "widen")


@contextmanager
def refuse(path):
    raise OSError(28, "No space left on device", str(path))
    yield


@pytest.mark.parametrize("command", ["check", "replay", "evaluate"])
def test_figures_that_cannot_be_drawn(tactful, place, monkeypatch, command):
    from matplotlib.figure import Figure

    def full(*_, **__):
        raise OSError(28, "No space left on device", "figure.png")

    command = (command, *LOG, *{"evaluate": ("--policy", "uniform")}.get(command, ()), "--figures")
    done = tactful(*command, "log.parquet/figures")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    monkeypatch.setattr(Figure, "savefig", full)
    lost(tactful(*command, "figures", "--json"), "is lost", "figure.png: No space left", code=5)
    table = tactful(*command, "figures")
    assert table.code == 5
    assert len(table.out.splitlines()) > 5


def test_a_page_that_cannot_be_written(tactful, place, monkeypatch):
    monkeypatch.setattr("tactful.cli.report.replacing", refuse)
    command = ("report", *LOG, "--out", "r.html", "--policy", "uniform")
    assert lost(tactful(*command, "--json"), "the page is lost", "No space left", code=5)["report"] is None
    assert "objective" in tactful(*command).out
    done = tactful("report", *LOG, "--out", "absent/r.html")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


def test_an_unwritable_ledger_is_an_error_of_logs():
    assert UnwritableLedgerError("cannot be written").exit_code == 2


# Inputs are never overwritten


def aliases(path):
    """The same file by other names."""
    (path.parent / "symbolic").symlink_to(path)
    (path.parent / "through").symlink_to(path.parent)
    link(path, path.parent / "hard")
    names = "symbolic", f"through/{path.name}", "hard", f"./{path.name}", f"policy/../{path.name}", str(path)
    return [path.name, *names]


COMMANDS = [
    ("decide {} --policy policy --period 1 --out", "users.csv"),
    ("rollup {} --spec log.spec.toml --out", "events.csv"),
    ("join {} --spec log.spec.toml --out", "events.csv"),
    ("report {} --spec log.spec.toml --out", "log.parquet"),
    ("report log.parquet --spec {} --out", "log.spec.toml"),
    ("monitor {} --spec log.spec.toml --policy x --file", "log.parquet"),
    ("evaluate {} --spec log.spec.toml --policy policy --ledger", "log.parquet"),
    ("gate {} --spec log.spec.toml --candidate policy --ledger", "log.parquet"),
    ("gate log.parquet --spec log.spec.toml --candidate policy --ledger", "policy/policy.json"),
]


@pytest.mark.parametrize(("command", "name"), COMMANDS, ids=lambda x: x.split()[0])
def test_an_output_that_is_an_input_is_refused(tactful, place, command, name):
    path = Path(name)
    if not path.exists():
        path.write_text("user,segment\n1,ios\n")
    before = path.read_bytes()
    for alias in aliases(place / name) if path.parent == Path() else [name]:
        words = command.format(name).split()
        if words[0] in ("decide", "rollup", "join") and "." not in Path(alias).name:
            (place / f"{alias}.csv").unlink(missing_ok=True)
            (place / alias).rename(place / f"{alias}.csv")
            alias = f"{alias}.csv"
        done = tactful(*words, alias)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done.err
        assert "read" in done.err
        assert "name another place" in done.err
        assert path.read_bytes() == before


def test_a_policy_is_not_written_into_the_log(tactful, place):
    (place / "parts").mkdir()
    (place / "log.parquet").rename(place / "parts" / "1.parquet")
    for out in ("parts", "parts/policy", "parts/../parts"):
        done = tactful("fit", "parts", "--spec", "log.spec.toml", "--out", out)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert "within parts" in done.err
    assert [p.name for p in (place / "parts").iterdir()] == ["1.parquet"]
