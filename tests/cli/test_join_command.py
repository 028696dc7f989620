"""``tactful join``: a journal or event files in, a log out that the other commands read."""

from __future__ import annotations

import json

import pytest

import tactful as tt
from tactful.cli.main import main
from tactful.core.actions import time_us
from tactful.journal.event import Event
from tactful.journal.journal import Journal

SPEC = """
[actions]
names = ["none", "send"]
period_days = 7
[outcomes]
opened = { kind = "binary", window_days = 2, null = "immature" }
[objective]
opened = 1.0
"""
DAY = 86_400_000_000
START = time_us("2026-11-02", "")
BODY = {"segment": "ios", "action": "send", "propensity": 0.5, "policy": "p1"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "spec.toml").write_text(SPEC)
    with Journal(tmp_path / "journal.db") as journal:
        journal.record(*(Event(f"d{i}", "decision", f"u{i}", START + i, period=0, body=BODY) for i in range(20)))
        journal.record(*(Event(f"o{i}", "outcome", f"u{i}", START + DAY, body={"name": "opened"}) for i in range(5)))
        journal.record(Event("late", "outcome", "u7", START + 3 * DAY, body={"name": "opened"}))
    return tmp_path


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return ended.value.code, capsys.readouterr()


def test_a_journal_becomes_a_log(folder, capsys):
    out = folder / "log.parquet"
    code, said = run(capsys, "join", folder / "journal.db", "--spec", folder / "spec.toml", "--out", out)
    assert code == 0
    assert "20 decisions" in said.out
    assert "1 events were left out: after the window" in said.out
    log = tt.read_log(out, tt.LogSpec.from_toml(folder / "spec.toml"))
    assert (log.n, log.outcomes["opened"].value.sum()) == (20, 5)


def test_event_files_say_the_same_in_json(folder, capsys):
    with Journal(folder / "journal.db") as journal:
        lines = [
            json.dumps({"id": e.id, "kind": e.kind, "user": e.user, "at_us": e.at_us, "period": e.period, **e.body})
            for e in (row.event for row in journal.read())
        ]
    (folder / "a.ndjson").write_text("\n".join(lines[:15]) + "\n")
    (folder / "b.ndjson").write_text("\n".join(lines[10:]) + "\n")
    arguments = (folder / "a.ndjson", folder / "b.ndjson", "--spec", folder / "spec.toml", "--out", folder / "l.ndjson")
    code, said = run(capsys, "join", *arguments, "--json")
    assert code == 0
    found = json.loads(said.out)
    assert found["n"] == 20
    assert found["used"] == {"decision": 20, "outcome": 5, "send": 0}
    assert found["dropped"] == {"duplicate id": 5, "after the window": 1}


def test_what_cannot_be_joined_is_one_line(folder, capsys):
    tail = ("--spec", folder / "spec.toml", "--out", folder / "l.parquet")
    for arguments, message in (
        ((folder / "nowhere.db", *tail), "no such file"),
        ((folder / "spec.toml", *tail), "unknown kind of file"),
        ((folder / "journal.db", *tail, "--as-of", "soon"), "--as-of: not a time: 'soon'"),
        ((folder / "journal.db", *tail, "--as-of", "1960-01-01"), "no decision among the events"),
    ):
        code, said = run(capsys, "join", *arguments)
        assert code in (2, 4)
        assert said.err.count("\n") == 1
        assert message in said.err
