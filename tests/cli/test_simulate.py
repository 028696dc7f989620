"""``tactful simulate``: one file or a folder of parts, the same rows; sends beside them when asked for."""

from __future__ import annotations

import json

import polars as pl
import pytest

import tactful as tt

SMALL = ("simulate", "--users", 300, "--periods", 3, "--seed", 5)


def test_a_folder_holds_the_rows_of_the_file(tactful, tmp_path):
    one, many = tmp_path / "one.parquet", tmp_path / "many"
    assert tactful(*SMALL, "--out", one).code == 0
    done = tactful(*SMALL, "--out", many, "--json")
    assert done.code == 0
    said = json.loads(done.out)
    file, folder = (
        tt.read_log(p, tt.LogSpec.from_toml(tmp_path / f"{n}.spec.toml")) for n, p in (("one", one), ("many", many))
    )
    assert said["n"] == file.n == folder.n
    for column in ("period", "segment", "action", "propensity", "decided_at"):
        assert (getattr(file, column) == getattr(folder, column)).all()


def test_events_are_the_sends_of_the_log(tactful, tmp_path):
    assert tactful(*SMALL, "--out", tmp_path / "log.parquet", "--events").code == 0
    events = pl.read_parquet(tmp_path / "log.events.parquet")
    log = pl.read_parquet(tmp_path / "log.parquet")
    assert events.height == log["opens_trials"].sum() > 0
    assert events["opened_at"].count() >= log["opens"].sum()
    assert events["opened_at"].count() > 0
    assert events["sent_at"].null_count() == 0


def test_the_two_worlds_differ(tactful, tmp_path):
    for world in ("default", "lively"):
        assert tactful(*SMALL, "--out", tmp_path / f"{world}.parquet", "--world", world).code == 0
    one, two = (pl.read_parquet(tmp_path / f"{w}.parquet")["engaged"].mean() for w in ("default", "lively"))
    assert one != two


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--out", "log.xlsx"), "unknown kind of file"),
        (("--out", "log.csv"), "CSV cannot hold lists"),
        (("--out", "log.parquet", "--world", "flat"), "unknown world 'flat'"),
        (("--out", "log.parquet", "--users", 300_000), "too many for one file"),
    ],
)
def test_what_cannot_be_simulated_is_refused(tactful, tmp_path, monkeypatch, more, words):
    monkeypatch.chdir(tmp_path)
    done = tactful(*SMALL, *more)
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_parts_is_left_alone(tactful, tmp_path):
    assert tactful(*SMALL, "--out", tmp_path / "log").code == 0
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "log").iterdir()}
    done = tactful(*SMALL, "--out", tmp_path / "log")
    assert done.code == 2
    assert "already holds Parquet files" in done.err
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "log").iterdir()} == before
