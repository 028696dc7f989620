"""Looks at a holdout are entered beside the log, appended, and never over something that is not understood."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tactful.core.lineage import Lineage
from tactful.errors import LogError
from tactful.promotion.ledger import enter_look, ledger_path, name_holdout

LINEAGE = Lineage(split_salt="split", split_share=0.3)
LOOK = {"command": "evaluate", "policy": "0123"}


def test_it_stands_beside_the_log():
    assert ledger_path(Path("a/log.parquet")) == Path("a/log.parquet.ledger.json")
    assert ledger_path(Path("a/log")) == Path("a/log.ledger.json")


def test_a_holdout_is_named_by_its_salt_and_share():
    assert name_holdout(LINEAGE) == "split:0.3"
    assert name_holdout(Lineage(split_salt="", split_share=0.25)) == ":0.25"


def test_every_look_is_counted_by_holdout(tmp_path):
    path, other = ledger_path(tmp_path / "log.parquet"), Lineage(split_salt="other", split_share=0.3)
    before = datetime.now(UTC).replace(microsecond=0)
    assert enter_look(path, LINEAGE, LOOK) == 1
    assert enter_look(path, other, LOOK) == 1
    assert enter_look(path, LINEAGE, LOOK | {"policy": "4567"}) == 2
    ledger = json.loads(path.read_text())
    assert ledger["format"] == 1
    looks = ledger["holdouts"]["split:0.3"]["looks"]
    assert [x["policy"] for x in looks] == ["0123", "4567"]
    assert all(before <= datetime.fromisoformat(x["at"]) <= datetime.now(UTC) for x in looks)
    assert [p.name for p in tmp_path.iterdir()] == ["log.parquet.ledger.json"]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"holdouts": 3}', b'{"holdouts": {"split:0.3": {}}}', b"\xff"])
def test_a_damaged_ledger_is_refused_and_kept(tmp_path, raw):
    path = tmp_path / "ledger.json"
    path.write_bytes(raw)
    with pytest.raises(LogError, match="ledger is damaged"):
        enter_look(path, LINEAGE, LOOK)
    assert path.read_bytes() == raw


def test_where_it_cannot_be_written_it_says_so(tmp_path):
    with pytest.raises(LogError, match="cannot be written"):
        enter_look(tmp_path / "nowhere" / "ledger.json", LINEAGE, LOOK)


def test_a_place_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(LogError, match="ledger"):
        enter_look(tmp_path, LINEAGE, LOOK)


def test_what_else_stands_in_it_is_kept(tmp_path):
    path = tmp_path / "ledger.json"
    kept = {"format": 1, "holdouts": {"split:0.3": {"looks": [], "spent": 0.01}}, "more": [1]}
    path.write_text(json.dumps(kept))
    enter_look(path, LINEAGE, LOOK)
    ledger = json.loads(path.read_text())
    assert (ledger["more"], ledger["holdouts"]["split:0.3"]["spent"]) == ([1], 0.01)
