"""Whatever encoding stdout has, everything can be printed, and JSON stays JSON."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from tactful.cli.main import main

ENCODINGS = ["ascii", "latin-1", "cp1252", "cp437", "utf-8"]


def printed(encoding, *words):
    """The exit code of a command, and what it prints on a stdout of this encoding."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in "oe")
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode(encoding))
    return stop.value.code, *texts


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tables_help_and_messages_can_be_printed(shop, encoding):
    log = (shop / "log.parquet", "--spec", shop / "log.spec.toml")
    commands = [
        ("check", *log),
        ("evaluate", *log, "--policy", "uniform", "--all"),
        ("gate", *log, "--candidate", "uniform", "--ledger", shop / f"{encoding}.json"),
        ("power", "--spec", shop / "log.spec.toml"),
        ("explain", shop / "policy"),
        ("--help",),
        ("gate", "--help"),
    ]
    for words in commands:
        code, out, err = printed(encoding, *words)
        assert code in (0, 3, 4)
        assert err == ""
        assert "\ufffd" not in out
    code, out, err = printed(encoding, "check", shop / "Zürich–日本.parquet", "--spec", shop / "log.spec.toml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no such file" in err


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_is_the_same_in_every_encoding(tactful, tmp_path, encoding):
    (tmp_path / "log.csv").write_text(
        "user,period,segment,action,propensity,öffnung\n"
        + "".join(f"{u},{p},日本/–,{'ja' if (u + p) % 2 else 'nein'},0.5,{u % 2}\n" for u in range(30) for p in (1, 2)),
        encoding="utf-8",
    )
    (tmp_path / "spec.toml").write_text(
        '[actions]\nnames = ["nein", "ja"]\n[outcomes]\n"öffnung" = { kind = "binary" }\n', encoding="utf-8"
    )
    words = ("check", tmp_path / "log.csv", "--spec", tmp_path / "spec.toml", "--json")
    code, out, err = printed(encoding, *words)
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(tactful(*words).out)
    assert "öffnung" in {o["name"] for o in json.loads(out)["outcomes"]}


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"HOME": ""}])
def test_a_process_of_its_own(shop, variables):
    command = [sys.executable, "-m", "tactful", "explain", str(shop / "policy"), "--segment", "Zürich"]
    base = {k: v for k, v in os.environ.items() if k not in ("HOME", "LANG", "PYTHONUTF8", "PYTHONIOENCODING")}
    environment = base | {"PYTHONCOERCECLOCALE": "0"} | variables
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"probability" in done.stdout
