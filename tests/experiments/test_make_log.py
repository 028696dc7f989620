"""The logs of 000 and 002 are made from their public sources, which are files that are there already."""

from __future__ import annotations

import csv
import gzip
import zipfile

import pytest

BANK = (
    '"age";"contact";"campaign";"poutcome";"y"\n56;"telephone";1;"nonexistent";"no"\n57;"cellular";3;"failure";"yes"\n'
)
HASH = "81ce123cbb5bd8ce818f60fb3586bba5"
ITEMS = (
    ",timestamp,item_id,position,click,propensity_score,"
    + ",".join([*(f"user_feature_{i}" for i in range(4)), "user-item_affinity_0"])
    + f"\n0,2019-11-24 00:00:34.762439+00:00,14,3,0,0.0125,{','.join([HASH] * 4)},0.0"
    + f"\n1,2019-11-24 00:00:35+00:00,2,1,1,0.25,{','.join([HASH] * 4)},1.0\n"
)


@pytest.fixture
def make(module_of, monkeypatch):
    """Runs make_log.py of a folder."""

    def run(folder, *arguments):
        monkeypatch.setattr("sys.argv", ["make_log.py", *map(str, arguments)])
        module_of(folder, "make_log").main()

    return run


def rows_of(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_bank_file_keeps_its_rows(make, tmp_path, capsys):
    source, log = tmp_path / "bank.csv", tmp_path / "log.csv.gz"
    source.write_text(BANK, encoding="utf-8")
    make("000_bank", source, log)
    assert capsys.readouterr().out == f"{log}: 2 rows\n"
    assert rows_of(log)[1] == {"age": "57", "contact": "cellular", "campaign": "3", "poutcome": "failure", "y": "yes"}
    first = log.read_bytes()
    make("000_bank", source, log)
    assert log.read_bytes() == first


@pytest.mark.parametrize("wheel", [True, False])
def test_open_bandit_has_a_row_for_every_item_shown(make, tmp_path, wheel):
    source, log = tmp_path / "source", tmp_path / "log.csv.gz"
    names = [f"{policy}/{c}/{c}.csv" for policy in ("bts", "random") for c in ("all", "men", "women")]
    if wheel:
        with zipfile.ZipFile(source, "w") as archive:
            for name in names:
                archive.writestr(f"obp/dataset/obd/{name}", ITEMS)
    else:
        for name in names:
            (source / name).parent.mkdir(parents=True)
            (source / name).write_text(ITEMS, encoding="utf-8")
    make("002_open_bandit", source, log)
    rows = rows_of(log)
    assert [(r["policy"], r["campaign"]) for r in rows[::2]] == [
        (policy, c) for policy in ("random", "bts") for c in ("all", "men", "women")
    ]
    shown = ["random", "all", "2019-11-24 00:00:34.762", "14", "3", "0", "0.0125", *[HASH[:8]] * 4]
    assert list(rows[0].values()) == shown
    assert rows[1]["timestamp"] == "2019-11-24 00:00:35.000"


@pytest.mark.parametrize("folder", ["000_bank", "002_open_bandit"])
def test_a_source_that_is_not_there_is_one_line(make, tmp_path, folder):
    with pytest.raises(SystemExit, match="no such source; download it first"):
        make(folder, tmp_path / "nothing", tmp_path / "log.csv.gz")


def test_another_file_is_refused_with_its_missing_columns(make, tmp_path):
    source = tmp_path / "other.csv"
    source.write_text("a;campaign\n1;2\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="no column contact, poutcome, y"):
        make("000_bank", source, tmp_path / "log.csv.gz")
